import { describe, expect, it } from '@jest/globals';
import { readSettings } from '../../src/config/settings.js';

const read = (environment: Readonly<Record<string, string>>) => readSettings(environment, '/srv/corridor');

describe('what is set of the edge', () => {
  it('is nothing by default but a wait for the database', () => {
    expect(read({})).toMatchObject({
      publicUrl: 'http://127.0.0.1:8420',
      tls: null,
      trustedProxies: [],
      forwardingHeader: 'x-forwarded-for',
      databaseWait: 60,
      drain: 0,
    });
  });

  it('is https with a pair, and its files are found from the working directory', () => {
    expect(read({ CORRIDOR_TLS_CERT: 'tls.crt', CORRIDOR_TLS_KEY: '/run/tls.key' })).toMatchObject({
      publicUrl: 'https://127.0.0.1:8420',
      tls: { cert: '/srv/corridor/tls.crt', key: '/run/tls.key' },
    });
  });

  it('is whom to believe, and times in seconds or minutes', () => {
    const environment = {
      CORRIDOR_TRUSTED_PROXIES: '10.0.0.0/8, 192.0.2.1,fd00::/8',
      CORRIDOR_FORWARDING_HEADER: 'Forwarded',
      CORRIDOR_DATABASE_WAIT: '5m',
      CORRIDOR_DRAIN: '15s',
    };
    expect(read(environment)).toMatchObject({
      trustedProxies: ['10.0.0.0/8', '192.0.2.1', 'fd00::/8'],
      forwardingHeader: 'forwarded',
      databaseWait: 300,
      drain: 15,
    });
    expect(read({ CORRIDOR_DATABASE_WAIT: '0s' }).databaseWait).toBe(0);
  });

  it.each([
    [{ CORRIDOR_TLS_CERT: 'tls.crt' }, /CORRIDOR_TLS_KEY is not: set both, or neither/],
    [{ CORRIDOR_TLS_KEY: 'tls.key' }, /CORRIDOR_TLS_CERT is not: set both, or neither/],
    [
      { CORRIDOR_TLS_CERT: 'c', CORRIDOR_TLS_KEY: 'k', CORRIDOR_PUBLIC_URL: 'http://127.0.0.1:1' },
      /must be https, since CORRIDOR_TLS_CERT/,
    ],
    [{ CORRIDOR_TRUSTED_PROXIES: 'proxy.example' }, /number 1 is none/],
    [{ CORRIDOR_TRUSTED_PROXIES: '10.0.0.0/33' }, /number 1 is none/],
    [{ CORRIDOR_TRUSTED_PROXIES: '10.1' }, /number 1 is none/],
    [{ CORRIDOR_TRUSTED_PROXIES: '10.0.0.1,0.0.0.0/0' }, /number 2 is none, or is everybody/],
    [{ CORRIDOR_TRUSTED_PROXIES: '::/0' }, /is everybody/],
    [{ CORRIDOR_FORWARDING_HEADER: 'forwarded' }, /says nothing without CORRIDOR_TRUSTED_PROXIES/],
    [{ CORRIDOR_TRUSTED_PROXIES: '10.0.0.1', CORRIDOR_FORWARDING_HEADER: 'x-real-ip' }, /x-forwarded-for or forwarded/],
    [{ CORRIDOR_DATABASE_WAIT: '60' }, /CORRIDOR_DATABASE_WAIT must be seconds or minutes, such as 60s/],
    [{ CORRIDOR_DATABASE_WAIT: '61m' }, /3600s at most/],
    [{ CORRIDOR_DRAIN: '-1s' }, /CORRIDOR_DRAIN must be/],
  ])('refuses %j', (environment, message) => {
    expect(() => read(environment)).toThrow(message);
  });
});
