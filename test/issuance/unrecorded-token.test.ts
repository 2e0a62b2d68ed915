import { LogUnavailable } from '../../src/attribution/entry-log.js';
import { until } from '../rig/command-line.js';
import { success } from '../upstreams/answers.js';
import { ScriptedHttp } from '../upstreams/scripted-http.js';
import { ISSUER, metadata, profile, server, signing, wish } from '../upstreams/wish.js';
import { minter, mintingOf, type KeptLog } from './minting.js';

/** What was asked of the server when the intent could be recorded and the outcome cannot. */
async function urlsOf(reusesTokens: boolean, fail: (log: KeptLog) => void): Promise<readonly string[]> {
  const http = new ScriptedHttp({ [`${ISSUER}/token`]: success() });
  const { mintToken, log } = minter(http, signing());
  const one = wish({ server: server({ profile: profile({ reusesTokens }) }) });
  fail(log);
  await mintToken.mint(mintingOf(one, metadata())).catch((error: unknown) => expect(error).toBeInstanceOf(LogUnavailable));
  return http.urls;
}

describe('a token whose outcome cannot be recorded', () => {
  const failures: readonly (readonly [string, (log: KeptLog) => void])[] = [
    ['is bad', (log) => log.verdicts.push('recorded', 'bad')],
    ['finds no database', (log) => (log.failsFrom = 2)],
  ];

  it.each(failures)('is revoked at once when its entry %s (B45)', async (_, fail) => {
    expect(await urlsOf(false, fail)).toEqual([`${ISSUER}/token`, `${ISSUER}/revoke`]);
  });

  it('is taken back in the record too, which may have taken what it did not answer', async () => {
    const http = new ScriptedHttp({ [`${ISSUER}/token`]: success() });
    const { mintToken, log } = minter(http, signing());
    log.answers = (call) => call !== 2; // the outcome: kept, and the answer is lost
    await expect(mintToken.mint(mintingOf(wish(), metadata()))).rejects.toThrow(LogUnavailable);
    await until(() => log.story().length >= 4);
    expect(log.story()).toEqual(['token.requested', 'token.issued none', 'token.released none', 'token.refused not_recorded none']);
    expect(log.kept.at(-1)?.effect).toMatchObject({ kind: 'outcome', state: 'refused', token: { sealed: Buffer.from('sealed') } });
    expect(http.urls).toEqual([`${ISSUER}/token`, `${ISSUER}/revoke`]);
  }, 60_000);

  it.each(failures)('is left alone when its entry %s and its server repeats its texts: a run may hold it', async (_, fail) => {
    expect(await urlsOf(true, fail)).toEqual([`${ISSUER}/token`]);
  });
});
