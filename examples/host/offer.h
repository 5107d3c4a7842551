/* SPDX-License-Identifier: MIT */
/*
 * What --set makes of an offer, told to the one who set it.
 */
#ifndef HOST_OFFER_H
#define HOST_OFFER_H

#include <iscsiproto/params.h>

/* Ends the program (code 2) where values of an offer do not go together; `whose` is told before, "" for none. */
void offer_must_fit(const struct iscsip_offer *o, const char *whose);

#endif
