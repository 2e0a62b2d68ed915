import { isPublicAddress } from '../../src/platform/public-address.js';

describe('a public address (A8)', () => {
  it.each(['1.1.1.1', '8.8.8.8', '151.101.1.69', '2606:4700::1111', '2a00:1450:4001:82a::200e', '::ffff:8.8.8.8'])('is %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    ['loopback', ['127.0.0.1', '127.255.0.1', '::1']],
    ['nothing', ['0.0.0.0', '0.1.2.3', '::']],
    ['private', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fd00::1', 'fc00::1', 'fec0::1']],
    ['link-local', ['169.254.169.254', '169.254.0.1', 'fe80::1']],
    ['shared', ['100.64.0.1', '100.100.100.200', '100.127.255.255']],
    ["a cloud's own", ['168.63.129.16', '192.0.0.192', 'fd00:ec2::254']],
    ['multicast', ['224.0.0.1', '239.1.1.1', 'ff02::1']],
    ['broadcast', ['255.255.255.255']],
    ['reserved', ['240.0.0.1', '192.0.0.1', '198.18.0.1', '4000::1', '5f00::1']],
    ['documentation', ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1']],
    ['mapped', ['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe']],
    ['compatible', ['::127.0.0.1', '::7f00:1']],
    ['translated', ['64:ff9b::7f00:1', '64:ff9b::808:808', '64:ff9b:1::1', '::ffff:0:127.0.0.1']],
    ['tunnelled', ['2002:7f00:1::', '2002:808:808::', '2001::1']],
    ['no address', ['', 'localhost', '127.0.0.1.example', '1.1.1.1/8']],
  ])('is not one that is %s', (_, addresses) => {
    expect(addresses.filter(isPublicAddress)).toEqual([]);
  });
});
