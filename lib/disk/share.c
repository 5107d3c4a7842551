/* SPDX-License-Identifier: MIT */
/*
 * What one initiator may hold of what all share: data buffers and records of commands. All nexus of one initiator (one
 * name, whatever its sessions and ports) have one share, which outlives them until the last of their commands is
 * freed.
 *
 * A share may take as much as leaves as much free as it then has: alone, an initiator gets half of the pool; two get a
 * third each; whoever comes next always finds some, and nothing is set aside for those who do not come. One who has
 * nothing yet may take what is free, for a command whose turn has come; and while such a newcomer waits for buffers
 * nobody else takes any, so that each buffer that comes back brings it nearer. Those who hold them are told to hurry,
 * so the wait has an end. For a command whose turn has not come nobody may wait, so that one must keep to its share,
 * or find the whole pool free (which may be two buffers).
 *
 * Invariants: a share's numbers are those of its commands' buffers and records; its `slots` those of its open nexus;
 * one without any of the three is free. Share 0 is limbo's and the units' jobs'.
 */
#include "disk/disk.h"

/* The name is what comes before the initiator session identifier (SPC-4 7.6.4.6). */
static size_t share_name_length(const uint8_t *id, size_t len)
{
	size_t i;

	if ((id[0] & 0x0f) != 5 || id[0] >> 6 != 1)
		return len;
	for (i = 4; i + 2 < len && id[i]; i++)
		if (id[i] == ',' && id[i + 1] == 'i' && id[i + 2] == ',')
			return i;
	return i;
}

static bool same_initiator(const struct disk_slot *a, const struct disk_slot *b)
{
	size_t n = share_name_length(a->id, a->id_len), m = share_name_length(b->id, b->id_len);

	/* the length field before an iSCSI name counts the identifier too */
	return n == m && n >= 4 && a->id[0] == b->id[0] && memcmp(a->id + 4, b->id + 4, n - 4) == 0;
}

static struct disk_share *share_unused(struct iscsip_disk *d)
{
	uint32_t i;

	for (i = 1; i < d->shares_used; i++)
		if (!d->shares[i].slots && !d->shares[i].buffers && !d->shares[i].records)
			return &d->shares[i];
	if (d->shares_used > d->cfg.max_nexuses)
		return d->shares; /* commands of nexus that are gone have the others still */
	memset(&d->shares[d->shares_used], 0, sizeof d->shares[0]);
	return &d->shares[d->shares_used++];
}

void iscsip__disk_share_open(struct disk_slot *slot)
{
	struct iscsip_disk *d = slot->disk;
	uint32_t i;

	slot->share = NULL;
	for (i = 1; i < d->slots_used && !slot->share; i++)
		if (&d->slots[i] != slot && d->slots[i].nexus && same_initiator(&d->slots[i], slot))
			slot->share = d->slots[i].share;
	if (!slot->share)
		slot->share = share_unused(d);
	slot->share->slots++;
}

void iscsip__disk_share_close(struct disk_slot *slot)
{
	slot->share->slots--;
	slot->share = slot->disk->shares;
}

/* Whether @r may take @n buffers now. */
bool iscsip__disk_share_allows(const struct disk_req *r, uint64_t n)
{
	const struct iscsip_disk *d = r->disk;
	uint64_t left = d->buffers_free;

	if (n > left)
		return false;
	if (r->flags & RQ_SERVED)
		return true;
	if (d->newcomers)
		return false;
	return r->share->buffers + n <= left - n || left == d->cfg.buffer_count ||
	       (r->share->buffers == 0 && r->state != REQ_PLACED);
}

/* How many buffers it may take, up to @most; 0 where it has to wait. */
uint64_t iscsip__disk_share_room(const struct disk_req *r, uint64_t most)
{
	const struct iscsip_disk *d = r->disk;
	uint64_t n = d->buffers_free > r->share->buffers ? (d->buffers_free - r->share->buffers) / 2 : 0;

	n = n < most ? n : most;
	if (n == 0)
		n = 1;
	return iscsip__disk_share_allows(r, n) ? n : 0;
}
