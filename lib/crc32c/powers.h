/* SPDX-License-Identifier: MIT */
/*
 * x^32 to x^95 modulo the generator of CRC32C (RFC 7143 13.1), bits reflected: bit 31 - k of a number is the
 * coefficient of x^k. Tables of any width are sums of these (portable.c).
 *
 * In this form multiplication by x is a shift to the right, and where x^31 falls out, the addition
 * of x^32 = 0x1edc6f41 reflected. Each row below is held equal to that step from the row before at compile
 * time, so only the first is a statement, and that one is the generator itself.
 */
#ifndef ISCSIP_CRC32C_POWERS_H
#define ISCSIP_CRC32C_POWERS_H

#define CRC_TIMES_X(v) ((v) >> 1 ^ ((v)&1u ? 0x82f63b78u : 0u))

#define CRC_X32 0x82f63b78u
#define CRC_X33 0x417b1dbcu
#define CRC_X34 0x20bd8edeu
#define CRC_X35 0x105ec76fu
#define CRC_X36 0x8ad958cfu
#define CRC_X37 0xc79a971fu
#define CRC_X38 0xe13b70f7u
#define CRC_X39 0xf26b8303u
#define CRC_X40 0xfbc3faf9u
#define CRC_X41 0xff17c604u
#define CRC_X42 0x7f8be302u
#define CRC_X43 0x3fc5f181u
#define CRC_X44 0x9d14c3b8u
#define CRC_X45 0x4e8a61dcu
#define CRC_X46 0x274530eeu
#define CRC_X47 0x13a29877u
#define CRC_X48 0x8b277743u
#define CRC_X49 0xc76580d9u
#define CRC_X50 0xe144fb14u
#define CRC_X51 0x70a27d8au
#define CRC_X52 0x38513ec5u
#define CRC_X53 0x9edea41au
#define CRC_X54 0x4f6f520du
#define CRC_X55 0xa541927eu
#define CRC_X56 0x52a0c93fu
#define CRC_X57 0xaba65fe7u
#define CRC_X58 0xd725148bu
#define CRC_X59 0xe964b13du
#define CRC_X60 0xf64463e6u
#define CRC_X61 0x7b2231f3u
#define CRC_X62 0xbf672381u
#define CRC_X63 0xdd45aab8u
#define CRC_X64 0x6ea2d55cu
#define CRC_X65 0x37516aaeu
#define CRC_X66 0x1ba8b557u
#define CRC_X67 0x8f2261d3u
#define CRC_X68 0xc5670b91u
#define CRC_X69 0xe045beb0u
#define CRC_X70 0x7022df58u
#define CRC_X71 0x38116facu
#define CRC_X72 0x1c08b7d6u
#define CRC_X73 0x0e045bebu
#define CRC_X74 0x85f4168du
#define CRC_X75 0xc00c303eu
#define CRC_X76 0x6006181fu
#define CRC_X77 0xb2f53777u
#define CRC_X78 0xdb8ca0c3u
#define CRC_X79 0xef306b19u
#define CRC_X80 0xf56e0ef4u
#define CRC_X81 0x7ab7077au
#define CRC_X82 0x3d5b83bdu
#define CRC_X83 0x9c5bfaa6u
#define CRC_X84 0x4e2dfd53u
#define CRC_X85 0xa5e0c5d1u
#define CRC_X86 0xd0065990u
#define CRC_X87 0x68032cc8u
#define CRC_X88 0x34019664u
#define CRC_X89 0x1a00cb32u
#define CRC_X90 0x0d006599u
#define CRC_X91 0x847609b4u
#define CRC_X92 0x423b04dau
#define CRC_X93 0x211d826du
#define CRC_X94 0x9278fa4eu
#define CRC_X95 0x493c7d27u

#define CRC_POWER(n, before) _Static_assert(CRC_X##n == CRC_TIMES_X(CRC_X##before), "x^" #n " is wrong")
CRC_POWER(33, 32);
CRC_POWER(34, 33);
CRC_POWER(35, 34);
CRC_POWER(36, 35);
CRC_POWER(37, 36);
CRC_POWER(38, 37);
CRC_POWER(39, 38);
CRC_POWER(40, 39);
CRC_POWER(41, 40);
CRC_POWER(42, 41);
CRC_POWER(43, 42);
CRC_POWER(44, 43);
CRC_POWER(45, 44);
CRC_POWER(46, 45);
CRC_POWER(47, 46);
CRC_POWER(48, 47);
CRC_POWER(49, 48);
CRC_POWER(50, 49);
CRC_POWER(51, 50);
CRC_POWER(52, 51);
CRC_POWER(53, 52);
CRC_POWER(54, 53);
CRC_POWER(55, 54);
CRC_POWER(56, 55);
CRC_POWER(57, 56);
CRC_POWER(58, 57);
CRC_POWER(59, 58);
CRC_POWER(60, 59);
CRC_POWER(61, 60);
CRC_POWER(62, 61);
CRC_POWER(63, 62);
CRC_POWER(64, 63);
CRC_POWER(65, 64);
CRC_POWER(66, 65);
CRC_POWER(67, 66);
CRC_POWER(68, 67);
CRC_POWER(69, 68);
CRC_POWER(70, 69);
CRC_POWER(71, 70);
CRC_POWER(72, 71);
CRC_POWER(73, 72);
CRC_POWER(74, 73);
CRC_POWER(75, 74);
CRC_POWER(76, 75);
CRC_POWER(77, 76);
CRC_POWER(78, 77);
CRC_POWER(79, 78);
CRC_POWER(80, 79);
CRC_POWER(81, 80);
CRC_POWER(82, 81);
CRC_POWER(83, 82);
CRC_POWER(84, 83);
CRC_POWER(85, 84);
CRC_POWER(86, 85);
CRC_POWER(87, 86);
CRC_POWER(88, 87);
CRC_POWER(89, 88);
CRC_POWER(90, 89);
CRC_POWER(91, 90);
CRC_POWER(92, 91);
CRC_POWER(93, 92);
CRC_POWER(94, 93);
CRC_POWER(95, 94);
#undef CRC_POWER

#endif
