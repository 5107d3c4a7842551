/* SPDX-License-Identifier: MIT */
/*
 * The state of a unit that outlives the program, in the file PATH.pr beside its backing.
 */
#ifndef HOST_BACKING_STATE_H
#define HOST_BACKING_STATE_H

#include "backing.h"

/* Reads it into b->saved. False with *f where there is one that cannot be read: then nobody knows who may use the unit. */
bool state_load(struct backing *b, struct backing_fault *f);
/* Makes it what a COMMIT has; stable where it answers 0, else an errno and most likely as before. Once at a time. */
int state_save(const struct backing *b, const struct iscsip_storage_req *r);
/* Makes the folder that `path` stands in stable, so that a name that was given or taken there stays so. 0 or an errno. */
int folder_sync(const char *path);

#endif
