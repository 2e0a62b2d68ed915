import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { TrustedProxies, type ForwardingHeader } from '../../src/http/trusted-proxies.js';

const ranges = ['10.0.0.0/8', '192.0.2.1', 'fd00::/8'];

function client(peer: string, told: string | undefined, header: ForwardingHeader = 'x-forwarded-for'): string {
  const headers = told === undefined ? {} : { [header]: told };
  return new TrustedProxies(ranges, header).clientOf({ socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage);
}

describe('the address of a client', () => {
  it.each([
    ['nobody trusted says anything', '203.0.113.9', '198.51.100.7', '203.0.113.9'],
    ['a trusted proxy says nothing', '10.0.0.1', undefined, '10.0.0.1'],
    ['a trusted proxy tells it', '10.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['a client wrote more to the left', '10.0.0.1', '127.0.0.1, 10.9.9.9, 198.51.100.7', '198.51.100.7'],
    ['trusted proxies stand in a row', '10.0.0.1', '1.1.1.1, 198.51.100.7, 192.0.2.1, 10.0.0.2', '198.51.100.7'],
    ['all of them are trusted', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['the proxy says the port too', '10.0.0.1', '198.51.100.7:4711', '198.51.100.7'],
    ['it is IPv6', 'fd00::1', '2001:db8:0::7', '2001:db8::7'],
    ['it is IPv6 with a port', 'fd00::1', '[2001:db8::7]:443', '2001:db8::7'],
    ['the proxy is IPv4 inside IPv6', '::ffff:10.0.0.1', '::ffff:198.51.100.7', '198.51.100.7'],
    ['what is told is no address', '10.0.0.1', '198.51.100.7, <script>', '10.0.0.1'],
    ['what is told is a number', '10.0.0.1', '3221225985', '10.0.0.1'],
    ['what is told is empty', '10.0.0.1', ' , ', '10.0.0.1'],
  ])('is known where %s', (_, peer, told, expected) => {
    expect(client(peer, told)).toBe(expected);
  });

  it.each([
    ['an address', 'for=198.51.100.7', '198.51.100.7'],
    ['more beside it', 'for=1.1.1.1;proto=http, by=203.0.113.43;For="198.51.100.7:4711";proto=https', '198.51.100.7'],
    ['IPv6, quoted as it must be', 'for="[2001:db8::7]:4711"', '2001:db8::7'],
    ['a row of them', 'for=198.51.100.7, for=10.0.0.2, for="[fd00::2]"', '198.51.100.7'],
    ['a quote that a client left open', 'for=1.1.1.1;ext=", for="[2001:db8::7]"', '2001:db8::7'],
    ['a quote that a client left open behind an escape', 'for=1.1.1.1;ext="\\", for="[2001:db8::7]"', '2001:db8::7'],
    ['another pair inside a quoted value', 'host="x;for=1.1.1.1";for=198.51.100.7', '198.51.100.7'],
    ['a comma inside quotes', 'for=198.51.100.7;ext="a, for=1.1.1.1"', '10.0.0.1'],
    ['nobody', 'for=unknown', '10.0.0.1'],
    ['a name that hides somebody', 'for=198.51.100.7, for=_hidden', '10.0.0.1'],
    ['no for at all', 'for=198.51.100.7, proto=https', '10.0.0.1'],
    ['a quote that does not end', 'for=198.51.100.7, for="1.1.1.1', '10.0.0.1'],
    ['another parameter of a like name', 'xfor=1.1.1.1', '10.0.0.1'],
  ])('is read from Forwarded that says %s (RFC 7239)', (_, told, expected) => {
    expect(client('10.0.0.1', told, 'forwarded')).toBe(expected);
  });

  it('is not read from the header that the proxies do not write', () => {
    const message = { socket: { remoteAddress: '10.0.0.1' }, headers: { forwarded: 'for=1.1.1.1', 'x-forwarded-for': '198.51.100.7' } };
    expect(new TrustedProxies(ranges, 'x-forwarded-for').clientOf(message as unknown as IncomingMessage)).toBe('198.51.100.7');
    expect(new TrustedProxies(ranges, 'forwarded').clientOf(message as unknown as IncomingMessage)).toBe('1.1.1.1');
  });
});
