/* SPDX-License-Identifier: MIT */
/*
 * CRC32C without help from the CPU: any word size, any byte order.
 *
 * slice8 takes eight bytes a step (Sarwate's table, once for each position): crc_table[k][b] is the CRC
 * register after byte b and k zero bytes. The register is linear in b, so an entry is the sum of the entries
 * of b's bits, and that of bit j is x^(32 + 8k + 7 - j): the tables are written by the preprocessor
 * from 64 powers (powers.h) and nobody has to believe 2,048 numbers.
 *
 * nibble (ISCSIP_CRC32C_SMALL) takes four bits a step with 16 entries, for firmware that counts bytes.
 */
#include "base/bytes.h"
#include "crc32c/crc32c.h"
#include "crc32c/powers.h"

/* The entry of b, given those of its bits 0 to 3; and of a whole byte. */
#define CRC_NIBBLE(b, p0, p1, p2, p3) \
	(((b)&1 ? p0 : 0u) ^ ((b)&2 ? p1 : 0u) ^ ((b)&4 ? p2 : 0u) ^ ((b)&8 ? p3 : 0u))

#ifdef ISCSIP_CRC32C_SMALL

#define CRC_ENTRY(b) CRC_NIBBLE(b, CRC_X35, CRC_X34, CRC_X33, CRC_X32)

uint32_t iscsip__crc32c_nibble(uint32_t crc, const void *p, size_t n)
{
	static const uint32_t crc_table[16] = {
		CRC_ENTRY(0),  CRC_ENTRY(1),  CRC_ENTRY(2),  CRC_ENTRY(3),  CRC_ENTRY(4),  CRC_ENTRY(5),
		CRC_ENTRY(6),  CRC_ENTRY(7),  CRC_ENTRY(8),  CRC_ENTRY(9),  CRC_ENTRY(10), CRC_ENTRY(11),
		CRC_ENTRY(12), CRC_ENTRY(13), CRC_ENTRY(14), CRC_ENTRY(15),
	};
	const uint8_t *b = p;

	crc = ~crc;
	while (n-- > 0) {
		crc ^= *b++;
		crc = crc >> 4 ^ crc_table[crc & 15];
		crc = crc >> 4 ^ crc_table[crc & 15];
	}
	return ~crc;
}

#else

#define CRC_BYTE(b, p0, p1, p2, p3, p4, p5, p6, p7) \
	(CRC_NIBBLE(b, p0, p1, p2, p3) ^ CRC_NIBBLE((b) >> 4, p4, p5, p6, p7))
#define CRC_ROW4(b, ...)                                                                      \
	CRC_BYTE(b, __VA_ARGS__), CRC_BYTE(b + 1, __VA_ARGS__), CRC_BYTE(b + 2, __VA_ARGS__), \
		CRC_BYTE(b + 3, __VA_ARGS__)
#define CRC_ROW16(b, ...)                                                                     \
	CRC_ROW4(b, __VA_ARGS__), CRC_ROW4(b + 4, __VA_ARGS__), CRC_ROW4(b + 8, __VA_ARGS__), \
		CRC_ROW4(b + 12, __VA_ARGS__)
#define CRC_ROW64(b, ...)                                                                          \
	CRC_ROW16(b, __VA_ARGS__), CRC_ROW16(b + 16, __VA_ARGS__), CRC_ROW16(b + 32, __VA_ARGS__), \
		CRC_ROW16(b + 48, __VA_ARGS__)
#define CRC_ROW256(...)                                                                     \
	CRC_ROW64(0, __VA_ARGS__), CRC_ROW64(64, __VA_ARGS__), CRC_ROW64(128, __VA_ARGS__), \
		CRC_ROW64(192, __VA_ARGS__)

static const uint32_t crc_table[8][256] = {
	{CRC_ROW256(CRC_X39, CRC_X38, CRC_X37, CRC_X36, CRC_X35, CRC_X34, CRC_X33, CRC_X32)},
	{CRC_ROW256(CRC_X47, CRC_X46, CRC_X45, CRC_X44, CRC_X43, CRC_X42, CRC_X41, CRC_X40)},
	{CRC_ROW256(CRC_X55, CRC_X54, CRC_X53, CRC_X52, CRC_X51, CRC_X50, CRC_X49, CRC_X48)},
	{CRC_ROW256(CRC_X63, CRC_X62, CRC_X61, CRC_X60, CRC_X59, CRC_X58, CRC_X57, CRC_X56)},
	{CRC_ROW256(CRC_X71, CRC_X70, CRC_X69, CRC_X68, CRC_X67, CRC_X66, CRC_X65, CRC_X64)},
	{CRC_ROW256(CRC_X79, CRC_X78, CRC_X77, CRC_X76, CRC_X75, CRC_X74, CRC_X73, CRC_X72)},
	{CRC_ROW256(CRC_X87, CRC_X86, CRC_X85, CRC_X84, CRC_X83, CRC_X82, CRC_X81, CRC_X80)},
	{CRC_ROW256(CRC_X95, CRC_X94, CRC_X93, CRC_X92, CRC_X91, CRC_X90, CRC_X89, CRC_X88)},
};

uint32_t iscsip__crc32c_slice8(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *b = p;

	crc = ~crc;
	for (; n >= 8; n -= 8, b += 8) {
		uint32_t lo = load_le32(b) ^ crc, hi = load_le32(b + 4);

		crc = crc_table[7][lo & 0xff] ^ crc_table[6][lo >> 8 & 0xff] ^ crc_table[5][lo >> 16 & 0xff] ^
		      crc_table[4][lo >> 24] ^ crc_table[3][hi & 0xff] ^ crc_table[2][hi >> 8 & 0xff] ^
		      crc_table[1][hi >> 16 & 0xff] ^ crc_table[0][hi >> 24];
	}
	while (n-- > 0)
		crc = crc >> 8 ^ crc_table[0][(crc ^ *b++) & 0xff];
	return ~crc;
}

#endif
