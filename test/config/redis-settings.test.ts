import { describe, expect, it } from '@jest/globals';
import { SettingsInvalid } from '../../src/config/settings-invalid.js';
import { readSettings, type Settings } from '../../src/config/settings.js';

const database = { CORRIDOR_DATABASE_URL: 'postgresql://127.0.0.1/corridor' };
const read = (environment: Readonly<Record<string, string>>): Settings => readSettings(environment, '/somewhere');

describe('settings for several processes', () => {
  it('take a Redis and a role together with PostgreSQL', () => {
    expect(read({})).toMatchObject({ redisUrl: null, role: 'all' });
    for (const url of ['redis://127.0.0.1:6379', 'rediss://user:secret@redis.example/1']) {
      expect(read({ ...database, CORRIDOR_REDIS_URL: url }).redisUrl).toBe(url);
    }
    for (const role of ['all', 'api', 'worker']) expect(read({ ...database, CORRIDOR_ROLE: role }).role).toBe(role);
    expect(read({ CORRIDOR_ROLE: 'all' }).role).toBe('all');
  });

  it.each([
    [
      { CORRIDOR_REDIS_URL: 'redis://127.0.0.1:6379' },
      /^CORRIDOR_REDIS_URL is set, and CORRIDOR_DATABASE_URL is not: .*Set both, or unset it\.$/,
    ],
    [{ ...database, CORRIDOR_REDIS_URL: 'http://127.0.0.1:6379' }, /^CORRIDOR_REDIS_URL must be a URL that begins with redis:\/\/\.$/],
    [{ ...database, CORRIDOR_REDIS_URL: 'redis://:hidden@' }, /^CORRIDOR_REDIS_URL must be a URL(?!.*hidden)/],
    [{ CORRIDOR_ROLE: 'worker' }, /^CORRIDOR_ROLE is worker, and CORRIDOR_DATABASE_URL is not set: .*one process/],
    [{ CORRIDOR_ROLE: 'api' }, /^CORRIDOR_ROLE is api, and CORRIDOR_DATABASE_URL is not set: /],
    [{ ...database, CORRIDOR_ROLE: 'boss' }, /^CORRIDOR_ROLE must be api, worker or all\.$/],
  ] as const)('refuse %j in words', (environment, words) => {
    expect(() => read(environment)).toThrow(SettingsInvalid);
    expect(() => read(environment)).toThrow(words);
  });
});
