/* SPDX-License-Identifier: MIT */
/**
 * @file text.h
 * @brief key=value text: reader, writer, and the forms of values (RFC 7143 6.1).
 *
 * The reader takes text in pieces of any size, cut anywhere, and gives one pair at a time; its memory is the
 * caller's and constant. Everything else works on strings that are whole.
 */
#ifndef ISCSIPROTO_TEXT_H
#define ISCSIPROTO_TEXT_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @brief Longest key name in bytes (RFC 7143 6.1, standard-label). */
#define ISCSIP_KEY_MAX 63

/** @brief What is wrong with text. None of these ends a connection by itself: the reader's owner decides. */
enum iscsip_text_err {
	ISCSIP_TEXT_ENOEQUALS = -20, /**< A pair without "=", or an empty one. */
	ISCSIP_TEXT_ENOKEY = -21,    /**< Nothing before the "=". */
	ISCSIP_TEXT_ELONGKEY = -22,  /**< A key name over #ISCSIP_KEY_MAX bytes. */
	ISCSIP_TEXT_ELONGVALUE = -23, /**< A value over the reader's limit. */
	ISCSIP_TEXT_EBADCHAR = -24,  /**< A character that may not stand there. */
	ISCSIP_TEXT_EUNENDED = -25,  /**< The text ended within a pair: no NUL behind the last value. */
	ISCSIP_TEXT_EFORM = -26,     /**< Not a value of this kind. */
	ISCSIP_TEXT_ERANGE = -27     /**< A number outside its range. */
};

/** @brief Words for an #iscsip_text_err. @param[in] err the code. @return A constant string, never NULL. */
ISCSIP_API const char *iscsip_text_strerror(int err);

/* ------------------------------------------------------------------------------------------ reader */

/** @brief Reader flags. */
enum iscsip_text_flag {
	ISCSIP_TEXT_PIECES = 1u << 0,   /**< Values over value_max come in pieces; without it they are #ISCSIP_TEXT_ELONGVALUE. */
	ISCSIP_TEXT_SKIP_NULS = 1u << 1 /**< Leniency: NULs between pairs (peers that pad their text) are skipped. */
};

/** @brief One pair, or one piece of a pair with a long value. Valid until the next call on the reader, and as long as the
 *     input it was read from stays in place. */
struct iscsip_text_pair {
	const char *key;     /**< First byte of the key name; no NUL behind it. */
	size_t key_len;      /**< Bytes of the key name, 1 to #ISCSIP_KEY_MAX. */
	const char *value;   /**< First byte of the value, or of this piece; a NUL stands behind it where `last` is set. */
	size_t value_len;    /**< Bytes of it, up to the reader's value_max. */
	size_t value_off;    /**< Bytes of the value that came in earlier pieces; 0 for a whole pair. */
	bool last;           /**< The value ends here. A whole pair has `last` and a value_off of 0. */
};

/** @brief A reader. To be touched by its functions alone. */
struct iscsip_text_reader {
	char *buf;          /**< Private. */
	size_t value_max;   /**< Private. */
	size_t key_len;     /**< Private. */
	size_t value_len;   /**< Private. */
	size_t value_off;   /**< Private. */
	unsigned flags;     /**< Private. */
	int state;          /**< Private. */
};

/** @brief Bytes of buffer that a reader for values of @p value_max bytes needs. */
#define ISCSIP_TEXT_READER_BUF(value_max) ((size_t)ISCSIP_KEY_MAX + 1u + (size_t)(value_max) + 1u)

/**
 * @brief Makes a reader ready for new text.
 * @param[out] r the reader.
 * @param[in] buf memory of ISCSIP_TEXT_READER_BUF(value_max) bytes, needed as long as the reader is used: it
 *     holds the one pair that a cut went through.
 * @param[in] value_max longest value given whole, 1 and up. 255 is the standard's limit for simple values; a CHAP
 *     value of 1024 bytes takes 2050 in hex.
 * @param[in] flags #iscsip_text_flag bits.
 */
ISCSIP_API void iscsip_text_reader_init(struct iscsip_text_reader *r, void *buf, size_t value_max, unsigned flags);

/**
 * @brief Reads up to the end of the next pair.
 *
 * Call until it answers 0, each time with what the calls before left over:
 *
 *     while ((rc = iscsip_text_read(&r, p, n, &used, &pair)) > 0) { ...; p += used; n -= used; }
 *
 * A key name may hold what a standard-label may (letters, digits, "." "-" "+" "@" "_") and "#"; of a value the
 * reader asks nothing. What comes out does not depend on where the input was cut, but for the borders of pieces.
 * @param[in,out] r the reader. @param[in] data the text. @param[in] len bytes of it.
 * @param[out] used bytes that were taken; all of them where the answer is 0.
 * @param[out] pair the pair.
 * @retval 1 a pair, or a piece of one. @retval 0 the text ends within a pair or behind one: more is needed.
 * @return Or an #iscsip_text_err, which stays until the reader is made ready anew.
 */
ISCSIP_API int iscsip_text_read(struct iscsip_text_reader *r, const void *data, size_t len, size_t *used,
				struct iscsip_text_pair *pair);

/**
 * @brief Tells that the text is complete (C bit 0).
 * @param[in,out] r the reader; ready for new text where the answer is ISCSIP_OK.
 * @retval ISCSIP_OK it ended behind a NUL, or was empty. @retval ISCSIP_TEXT_EUNENDED it ended within a pair.
 * @return Or the error that reading met.
 */
ISCSIP_API int iscsip_text_end(struct iscsip_text_reader *r);

/* ------------------------------------------------------------------------------------------ writer */

/**
 * @brief Writes `key=value` and its NUL.
 * @param[out] dst where to. @param[in] cap room there. @param[in] key a key name. @param[in] value its value.
 * @return Bytes written, or ISCSIP_ENOSPC, with nothing written.
 */
ISCSIP_API ptrdiff_t iscsip_text_put(void *dst, size_t cap, const char *key, const char *value);

/** @brief Like iscsip_text_put() with a number in decimal. @param[out] dst where to. @param[in] cap room there.
 *  @param[in] key a key name. @param[in] value the number. @return Bytes written, or ISCSIP_ENOSPC. */
ISCSIP_API ptrdiff_t iscsip_text_put_number(void *dst, size_t cap, const char *key, uint64_t value);

/** @brief Forms of a binary value. */
enum iscsip_binary_form {
	ISCSIP_BINARY_HEX = 0,   /**< 0x and two digits a byte. */
	ISCSIP_BINARY_BASE64 = 1 /**< 0b and RFC 4648 base64 with its padding. */
};

/** @brief Like iscsip_text_put() with a binary value. @param[out] dst where to. @param[in] cap room there.
 *  @param[in] key a key name. @param[in] data the bytes. @param[in] len how many, 1 and up.
 *  @param[in] form hex or base64. @return Bytes written, ISCSIP_ENOSPC, or ISCSIP_EINVAL for a @p len of 0. */
ISCSIP_API ptrdiff_t iscsip_text_put_binary(void *dst, size_t cap, const char *key, const void *data, size_t len,
					    enum iscsip_binary_form form);

/* ------------------------------------------------------------------------------------------ values */

/**
 * @brief Reads a numerical-value: decimal without sign, spaces or leading zeros, or 0x / 0X and hex digits; below 2^64.
 * @param[in] s the value. @param[in] len its bytes. @param[out] out the number.
 * @retval ISCSIP_OK done. @retval ISCSIP_TEXT_EFORM no number. @retval ISCSIP_TEXT_ERANGE 2^64 or more.
 */
ISCSIP_API int iscsip_text_number(const char *s, size_t len, uint64_t *out);

/**
 * @brief Reads a numerical-value that has to lie in a range.
 * @param[in] s the value. @param[in] len its bytes. @param[in] lo lowest. @param[in] hi highest. @param[out] out the number.
 * @retval ISCSIP_OK done. @retval ISCSIP_TEXT_EFORM no number. @retval ISCSIP_TEXT_ERANGE outside the range.
 */
ISCSIP_API int iscsip_text_number_in(const char *s, size_t len, uint32_t lo, uint32_t hi, uint32_t *out);

/**
 * @brief Reads a numerical-range `a~b`.
 * @param[in] s the value. @param[in] len its bytes. @param[out] lo, hi the two numbers.
 * @retval ISCSIP_OK done. @retval ISCSIP_TEXT_EFORM no range, or b lower than a. @retval ISCSIP_TEXT_ERANGE 2^64 or more.
 */
ISCSIP_API int iscsip_text_range(const char *s, size_t len, uint64_t *lo, uint64_t *hi);

/** @brief Reads `Yes` or `No`, in this case alone. @param[in] s the value. @param[in] len its bytes. @param[out] out true for Yes.
 *  @retval ISCSIP_OK done. @retval ISCSIP_TEXT_EFORM neither. */
ISCSIP_API int iscsip_text_bool(const char *s, size_t len, bool *out);

/**
 * @brief Reads a binary-value in hex or base64.
 *
 * Hex of n digits has (n + 1) / 2 bytes; an odd number of digits means a first byte under 16 (RFC 7143 6.1). Base64
 * is taken as RFC 4648 has it, nothing else: full groups of four, padding at the end alone, unused bits zero, no
 * line breaks. Decimal has no implicit length and is refused.
 * @param[in] s the value. @param[in] len its bytes.
 * @param[out] dst where the bytes go, or NULL: only form and length are found. @param[in] cap room there.
 * @param[out] out_len bytes of the value; set also with ISCSIP_ENOSPC.
 * @retval ISCSIP_OK done. @retval ISCSIP_TEXT_EFORM no binary value. @retval ISCSIP_ENOSPC more than @p cap bytes; nothing written.
 */
ISCSIP_API int iscsip_text_binary(const char *s, size_t len, void *dst, size_t cap, size_t *out_len);

/** @brief Bytes that iscsip_text_put_binary() makes of @p len bytes as a value, without key and NUL.
 *  @param[in] len bytes. @param[in] form hex or base64. @return The length. */
ISCSIP_API size_t iscsip_text_binary_length(size_t len, enum iscsip_binary_form form);

/** @brief A walk over a list-of-values. */
struct iscsip_text_list {
	const char *p; /**< What is left; NULL: nothing. */
	size_t len;    /**< Bytes of it. */
};

/** @brief Begins a walk. @param[out] list the walk. @param[in] s the value, which stays in place. @param[in] len its bytes. */
ISCSIP_API void iscsip_text_list_init(struct iscsip_text_list *list, const char *s, size_t len);

/**
 * @brief The next item.
 * @param[in,out] list the walk. @param[out] item its first byte. @param[out] len its bytes, 1 and up.
 * @retval 1 an item. @retval 0 the end. @retval ISCSIP_TEXT_EFORM an empty item (also the only one of an empty value).
 */
ISCSIP_API int iscsip_text_list_next(struct iscsip_text_list *list, const char **item, size_t *len);

/** @brief Whether @p len bytes at @p s are UTF-8 as RFC 3629 has it (no overlong forms, surrogates, or code points over U+10FFFF).
 *  @param[in] s the bytes. @param[in] len how many.
 *  @return True where they are. */
ISCSIP_API bool iscsip_text_is_utf8(const void *s, size_t len);

#ifdef __cplusplus
}
#endif
#endif
