/* SPDX-License-Identifier: MIT */
/*
 * A frame-protocol connection for the tools: its doors as a table (wire.h), and its trace as captures and lines.
 */
#ifndef HOST_WIRE_FRAME_H
#define HOST_WIRE_FRAME_H

#include <iscsiproto/frame.h>

#include "pcap.h"
#include "wire.h"

extern const struct wire_ops wire_frame;

/* The trace hook: the capture of `f` where it has one, and with --verbose twice a line for each frame; `who` begins it. */
void frame_traced(struct pcap_flow *f, const char *who, enum iscsip_trace_event event, const void *p, size_t len);

#endif
