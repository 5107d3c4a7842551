/* SPDX-License-Identifier: MIT */
/*
 * The other end of a connection under test, as a script: PDUs by hand in, PDUs decoded out, over the copying doors. It
 * knows framing, padding and digests, and nothing else; what it sends may break any rule.
 */
#ifndef TESTS_FLOW_PDU_PEER_H
#define TESTS_FLOW_PDU_PEER_H

#include <iscsiproto/iscsiproto.h>
#include <iscsiproto/pdu.h>

#define PEER_BUF (1u << 21)

/* A PDU as the peer received it; pointers are valid until the next peer_recv(). */
struct peer_pdu {
	struct iscsip_pdu h;
	const uint8_t *bhs;
	const uint8_t *ahs;
	const uint8_t *data;
	bool header_digest_ok, data_digest_ok; /* true where there is none */
};

struct pdu_peer {
	struct iscsip_conn *c;
	iscsip_time now;
	bool header_digest, data_digest; /* in force both ways */
	size_t chunk;                    /* bytes given to the connection at once, 0: all */
	bool in_place;                   /* by the listing doors instead of the copying ones */
	size_t stage;                    /* with in_place: bytes of stage offered, 0: none */
	int pieces;                      /* with in_place: pieces in a list, 0: many */
	size_t pull;                     /* bytes taken from it at once, 0: all there is room for */
	bool spoil_header_digest, spoil_data_digest; /* of the next PDU sent */
	bool tx_hold, keep;              /* the connection has ISCSIP_CFG_TX_HOLD; keep: nothing is released for now */
	size_t kept;                     /* bytes pulled and not released */
	uint8_t pad;                     /* what pad bytes are filled with */
	int err;                         /* what a door answered last, if negative */
	uint8_t *in;                     /* bytes that the connection did not take yet */
	size_t in_len;
	uint8_t *out;                    /* bytes that it has sent */
	size_t out_len, out_at;
};

void peer_open(struct pdu_peer *p, struct iscsip_conn *c);
void peer_close(struct pdu_peer *p);

/* Sends a PDU: header->data_len is overwritten with len. */
void peer_send(struct pdu_peer *p, const struct iscsip_pdu *header, const void *data, size_t len);
/* With additional headers of ahs_len bytes, a multiple of 4. */
void peer_send_ahs(struct pdu_peer *p, const struct iscsip_pdu *header, const void *ahs, size_t ahs_len, const void *data,
		   size_t len);
/* Bytes as they are. */
void peer_send_raw(struct pdu_peer *p, const void *bytes, size_t len);
/* Frames a BHS as it is (its length fields count), with digests. */
void peer_send_bhs(struct pdu_peer *p, const uint8_t bhs[48], const void *ahs, const void *data);
/* Gives the connection what it did not take before. */
void peer_flush(struct pdu_peer *p);
/* Releases what was kept, up to n bytes. */
void peer_release(struct pdu_peer *p, size_t n);
/* The next PDU that the connection sends. False if it has none. */
bool peer_recv(struct pdu_peer *p, struct peer_pdu *out);

#endif
