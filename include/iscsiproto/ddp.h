/* SPDX-License-Identifier: MIT */
/**
 * @file ddp.h
 * @brief The tag table: from a tag in a header to the memory where the data goes, in O(1), checked.
 *
 * The direct data placement of the figures (S1, Figs 9A to 9D; US7512663): the Target Transfer Tag of an
 * R2T is an index into a table of data pointers. A Data-Out echoes the tag; its destination is
 * `pointer + (PDU's buffer offset - entry's offset)`. Here the pointer is a place in a scatter list, and a
 * tag also holds a generation, so that one that was released is known, and a connection, so that one that
 * arrives on another connection is known. An initiator indexes its tasks by the same table: the Initiator
 * Task Tag is the tag, the task's data-in buffer the region.
 *
 * A tag, from its most significant bit: (zeros) | index | generation | connection. 0xffffffff, which means
 * "no tag" on the wire, is never issued.
 *
 * The table lives in memory of the caller, allocates nothing, and touches no page of it before an entry
 * there is used. One thread at a time. The connections of a session may share a table if they run in one
 * thread; that is what the connection bits are for.
 *
 * @code
 * static uint64_t mem[ISCSIP_DDP_SIZE(128) / 8];
 * struct iscsip_ddp *d;
 * iscsip_ddp_init(&d, mem, sizeof mem, 128, NULL);
 *
 * struct iscsip_ddp_region r = {.owner = task, .itt = itt, .lun = lun, .off = 0x4000, .len = 0x8000,
 *                               .at = {vec, cnt, 0x4000}};
 * uint32_t ttt;
 * iscsip_ddp_bind(d, &r, conn_slot, &ttt);                       // and send the R2T
 *
 * struct iscsip_ddp_query q = {.tag = pdu.ttt, .conn = conn_slot, .flags = ISCSIP_DDP_CHECK_TASK,
 *                              .itt = pdu.itt, .lun = pdu.lun, .off = pdu.offset, .len = pdu.data_len};
 * struct iscsip_ddp_hit hit;
 * if (iscsip_ddp_place(d, &q, &hit) == ISCSIP_OK)                 // hit.at stands on the first byte's place
 *         ...
 * iscsip_ddp_release(d, ttt);
 * @endcode
 */
#ifndef ISCSIPROTO_DDP_H
#define ISCSIPROTO_DDP_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @brief A tag table; opaque, inside the caller's memory. */
struct iscsip_ddp;

/** @brief "No tag" on the wire (RFC 7143 11.7.4, 11.3.4...); never issued. */
#define ISCSIP_DDP_NO_TAG 0xffffffffu

/** @brief How a tag is divided. The sum of the three is 1 to 32; bits above are zero. */
struct iscsip_ddp_layout {
	/** 1 to 32, at the top: which entry. */
	uint8_t index_bits;
	/** 0 to 31, in the middle: counts the releases of an entry. With 0 a released tag is taken for the
	    new one once its entry is bound again. */
	uint8_t generation_bits;
	/** 0 to 31, at the bottom: the connection. With 0 a tag does not say its connection, and none is
	    checked. */
	uint8_t connection_bits;
};

/** @brief The division of the figures: 0x00100123 is entry 0x10, connection 0x123. */
#define ISCSIP_DDP_LAYOUT_FIGURES {16, 0, 16}
/** @brief What iscsip_ddp_init() takes for NULL: 4,096 entries, 16,384 generations, 64 connections. */
#define ISCSIP_DDP_LAYOUT_DEFAULT {12, 14, 6}
/** @brief For the task tags of an initiator: 65,535 entries, 65,536 generations, no connection. */
#define ISCSIP_DDP_LAYOUT_TASKS {16, 16, 0}

/** @brief Bytes of an entry: 64 where a pointer has 64 bits. Not for use, but for #ISCSIP_DDP_SIZE. */
#define ISCSIP_DDP_ENTRY_SIZE (sizeof(void *) > 4 ? (size_t)64 : (size_t)56)
/** @brief iscsip_ddp_size() as a constant, for static arrays. @param entries a constant, 1 to 65,535. */
#define ISCSIP_DDP_SIZE(entries) ((size_t)32 + (size_t)(entries) * ISCSIP_DDP_ENTRY_SIZE)
/** @brief What the memory of a table is aligned to, at least; 64 saves cache misses. */
#define ISCSIP_DDP_ALIGN 8

/** @brief What a tag stands for: a range of a task's data, and its place. */
struct iscsip_ddp_region {
	void *owner;  /**< Whatever the caller wants back from a look-up, e.g. its task. */
	uint64_t lun; /**< The task's LUN, compared with ISCSIP_DDP_CHECK_TASK. */
	/** Where the first byte of the range goes; its `off` may lie beyond the first piece. Array and memory
	    stay valid and unchanged until the release. May be empty where `len` is 0. */
	struct iscsip_vec_cursor at;
	uint32_t off; /**< Buffer offset of the first byte (that of the R2T; 0 for a task tag). */
	uint32_t len; /**< Bytes, 0 or more; `off + len` is at most 2^32 - 1. */
	uint32_t itt; /**< The task's tag, compared with ISCSIP_DDP_CHECK_TASK. */
	uint32_t aux; /**< First value of a word kept with the entry for the caller (`aux` of a hit). */
};

/** @brief Compare the query's `itt` and `lun` with those of the region. */
#define ISCSIP_DDP_CHECK_TASK 0x01u
/** @brief With #ISCSIP_DDP_CHECK_TASK: `lun` is not compared after all (for peers that do not set it). */
#define ISCSIP_DDP_ANY_LUN 0x02u

/** @brief A look-up: what the header of a Data-Out or Data-In says. */
struct iscsip_ddp_query {
	uint64_t lun;   /**< LUN field, with ISCSIP_DDP_CHECK_TASK. */
	uint32_t tag;   /**< The tag. */
	uint32_t conn;  /**< The connection that it arrived on, as it was bound. */
	uint32_t itt;   /**< Initiator Task Tag, with ISCSIP_DDP_CHECK_TASK. */
	uint32_t off;   /**< Buffer Offset. */
	uint32_t len;   /**< Bytes of data. */
	uint32_t flags; /**< #ISCSIP_DDP_CHECK_TASK, #ISCSIP_DDP_ANY_LUN. */
};

/** @brief Why a look-up was refused, in the order in which it is checked. */
enum iscsip_ddp_fault {
	ISCSIP_DDP_FOUND = 0,            /**< It was not. */
	ISCSIP_DDP_FAULT_INDEX = 1,      /**< The index is past the end of the table. */
	ISCSIP_DDP_FAULT_FREE = 2,       /**< Nothing is bound there. */
	ISCSIP_DDP_FAULT_STALE = 3,      /**< The generation is another: the tag was released. */
	ISCSIP_DDP_FAULT_CONNECTION = 4, /**< The tag is of another connection, or arrived on another. */
	ISCSIP_DDP_FAULT_TASK = 5,       /**< The Initiator Task Tag is another. */
	ISCSIP_DDP_FAULT_LUN = 6,        /**< The LUN is another. */
	ISCSIP_DDP_FAULT_BELOW = 7,      /**< The offset lies below the range. */
	ISCSIP_DDP_FAULT_BEYOND = 8,     /**< The data reaches beyond the range. */
	ISCSIP_DDP_FAULT_EMPTY = 9       /**< No data: there is nothing to place. */
};

/** @brief The answer to a look-up. Pointers into the table are valid until the release. */
struct iscsip_ddp_hit {
	void *owner;   /**< The region's; NULL where the tag itself is refused (INDEX to CONNECTION). */
	uint32_t *aux; /**< The entry's word, the caller's to read and write; NULL in the same cases. */
	/** Stands on the place of the query's first byte. The list may go on beyond the range: take no more than
	    the query's `len` bytes from it. Empty from iscsip_ddp_find() and on a fault. */
	struct iscsip_vec_cursor at;
	uint32_t index; /**< Which entry, 0 to entries - 1: also for an array that the caller keeps beside. */
	uint32_t off;   /**< The region's range, for a message or a check of completeness. */
	uint32_t len;   /**< Its length. */
	uint8_t fault;  /**< An #iscsip_ddp_fault. */
};

/**
 * @brief Bytes of memory for a table.
 * @param[in] entries number of tags that can be bound at once, 1 or more.
 * @return Bytes, the same as #ISCSIP_DDP_SIZE; 0 where the product does not fit into a size_t.
 */
ISCSIP_API size_t iscsip_ddp_size(uint32_t entries);

/**
 * @brief Makes an empty table. Writes the first 32 bytes of the memory only.
 * @param[out] out the table.
 * @param[in] mem memory aligned to #ISCSIP_DDP_ALIGN, of any content; the table's until the caller is done
 * with it. There is nothing to tear down.
 * @param[in] len bytes at @p mem.
 * @param[in] entries number of entries: at most 2^index_bits, and one fewer where the layout has all 32 bits
 * (so that 0xffffffff cannot occur).
 * @param[in] layout how a tag is divided, copied; NULL for #ISCSIP_DDP_LAYOUT_DEFAULT.
 * @retval ISCSIP_OK done.
 * @retval ISCSIP_EINVAL a null pointer, bad alignment, 0 entries, a layout that is none or too small
 * for @p entries.
 * @retval ISCSIP_ENOSPC @p len is less than iscsip_ddp_size().
 */
ISCSIP_API int iscsip_ddp_init(struct iscsip_ddp **out, void *mem, size_t len, uint32_t entries,
			       const struct iscsip_ddp_layout *layout);

/**
 * @brief Binds a region to a free tag.
 *
 * O(1), but for a walk over the pieces of the range, which are counted once: a scatter list that is too short
 * is found here and not when data arrives.
 * @param[in,out] d the table.
 * @param[in] r what the tag is to stand for; copied.
 * @param[in] conn the connection, below 2^connection_bits (any value where these are 0).
 * @param[out] tag the tag.
 * @retval ISCSIP_OK bound.
 * @retval ISCSIP_EINVAL `off + len` is above 2^32 - 1, the scatter list holds fewer than `len` bytes,
 * or @p conn is too large.
 * @retval ISCSIP_EAGAIN every entry is bound.
 */
ISCSIP_API int iscsip_ddp_bind(struct iscsip_ddp *d, const struct iscsip_ddp_region *r, uint32_t conn,
			       uint32_t *tag);

/**
 * @brief Binds a region to the entry of a given index, for a host that numbers its buffers itself.
 *
 * As iscsip_ddp_bind(). O(1), but the first use of an index writes to all entries below it.
 * @param[in,out] d the table.
 * @param[in] index which entry, below the number of entries.
 * @param[in] r what the tag is to stand for; copied.
 * @param[in] conn the connection.
 * @param[out] tag the tag.
 * @retval ISCSIP_OK bound.
 * @retval ISCSIP_EINVAL as iscsip_ddp_bind(), or no such entry.
 * @retval ISCSIP_EBUSY the entry is bound.
 */
ISCSIP_API int iscsip_ddp_bind_at(struct iscsip_ddp *d, uint32_t index, const struct iscsip_ddp_region *r,
				  uint32_t conn, uint32_t *tag);

/**
 * @brief Whom a tag belongs to; looks at `tag`, `conn`, and with their flag `itt` and `lun` of the query.
 * @param[in] d the table.
 * @param[in] q the query; `off` and `len` are not read.
 * @param[out] hit the answer, also on a fault.
 * @retval ISCSIP_OK found. @retval ISCSIP_ENOENT refused; `hit->fault` says why (INDEX to LUN).
 */
ISCSIP_API int iscsip_ddp_find(const struct iscsip_ddp *d, const struct iscsip_ddp_query *q,
			       struct iscsip_ddp_hit *hit);

/**
 * @brief Where the data goes.
 *
 * O(1) where queries of a region ascend or descend; else a walk over the pieces between this place and the
 * last one. Only a hint in the entry is changed.
 * @param[in,out] d the table.
 * @param[in] q the query.
 * @param[out] hit the answer, also on a fault.
 * @retval ISCSIP_OK `hit->at` stands on the place of byte `q->off`, and `q->len` bytes from there are inside
 * the range.
 * @retval ISCSIP_ENOENT the tag is refused (INDEX to LUN). @retval ISCSIP_EINVAL the range is refused (BELOW
 * to EMPTY).
 */
ISCSIP_API int iscsip_ddp_place(struct iscsip_ddp *d, const struct iscsip_ddp_query *q,
				struct iscsip_ddp_hit *hit);

/**
 * @brief Lists up to @p len bytes from a cursor on, as pieces, for readv() or a DMA engine.
 * @param[in] at where to begin: `at` of a hit.
 * @param[in] len bytes: the query's `len`. Nothing beyond them is listed.
 * @param[out] vec the pieces, none of them empty.
 * @param[in] max room at @p vec.
 * @param[out] listed bytes in the pieces, fewer than @p len where @p max were too few; may be NULL.
 * @return The number of pieces.
 */
ISCSIP_API int iscsip_vec_list(const struct iscsip_vec_cursor *at, size_t len, struct iscsip_vec *vec,
			       int max, size_t *listed);

/**
 * @brief Forgets a tag. From now on it is stale (where the layout has generations), and its entry may be
 * bound again.
 * @param[in,out] d the table.
 * @param[in] tag a tag that was bound.
 * @retval ISCSIP_OK released. @retval ISCSIP_ENOENT not bound (any more); nothing changed.
 */
ISCSIP_API int iscsip_ddp_release(struct iscsip_ddp *d, uint32_t tag);

/** @brief Number of tags bound now. @param[in] d the table. @return 0 to entries. */
ISCSIP_API uint32_t iscsip_ddp_bound(const struct iscsip_ddp *d);

/** @brief Number of entries. @param[in] d the table. @return What iscsip_ddp_init() was given. */
ISCSIP_API uint32_t iscsip_ddp_entries(const struct iscsip_ddp *d);

#ifdef __cplusplus
}
#endif
#endif
