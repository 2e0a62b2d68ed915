import { parseArrayText } from './array-text.js';

type Parse = (text: string) => unknown;

const asText: Parse = (text) => text;
const asBoolean: Parse = (text) => text === 't';
const asNumber: Parse = (text) => Number(text);
const asJson: Parse = (text) => JSON.parse(text);

/** A bigint that a number holds exactly is a number; any other stays text. */
const asInteger: Parse = (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text);

/** `\x…`: both databases run with bytea_output = hex. */
const asBytes: Parse = (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex'));

/** `2026-03-03 13:05:00.123456+00`: both databases run with DateStyle ISO in UTC. `infinity` is no Date, so it becomes an invalid one. */
const asDate: Parse = (text) => new Date(`${text.replace(' ', 'T').replace(/\+00$/, '')}Z`);

/** By the type's number in pg_type, which PostgreSQL never changes: the type itself and the array of it. */
const parsers = new Map<number, Parse>(
  (
    [
      [16, 1000, asBoolean], // bool
      [17, 1001, asBytes], // bytea
      [20, 1016, asInteger], // int8
      [21, 1005, asNumber], // int2
      [23, 1007, asNumber], // int4
      [25, 1009, asText], // text
      [26, 1028, asNumber], // oid
      [700, 1021, asNumber], // float4
      [701, 1022, asNumber], // float8
      [1043, 1015, asText], // varchar
      [114, 199, asJson], // json
      [3802, 3807, asJson], // jsonb
      [1184, 1185, asDate], // timestamptz
    ] as const
  ).flatMap(([type, arrayType, parse]) => [
    [type, parse],
    [arrayType, (text: string) => parseArrayText(text, parse)],
  ]),
);

/** How a column of this type is read, so that both databases give the same values; a type that is not listed stays text. */
export function columnParser(type: number): (text: string) => unknown {
  return parsers.get(type) ?? asText;
}
