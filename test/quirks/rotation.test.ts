import type { Database } from '../../src/store/database.js';
import { RotationWorld } from '../proofs/rotation-world.js';
import { freshDatabase } from '../rig/template.js';
import { quirk } from './quirk.js';

let database: Database;
beforeAll(async () => {
  database = await freshDatabase();
}, 60_000);
afterAll(() => database.close());

const kinds = [
  { keyRegistration: 'jwks_uri' },
  { method: 'client_secret_basic', credential: { kind: 'env', name: 'CORRIDOR_CLIENT_INDEXER' } },
] as const;

quirk('Q19', async () => {
  for (const kind of kinds) {
    const world = await RotationWorld.of(database, kind);
    const corridor = world.replica();
    const nameOf = async (state: string): Promise<string> => {
      const version = (await world.versions()).find((one) => one.state === state);
      return version?.kid ?? world.secret;
    };
    const old = await nameOf('current');
    world.secret = 'second-secret';
    await corridor.begin.begin('indexer', 'ada');
    const made = await nameOf('next');
    const answers: string[] = [];
    // at first the server knows the old one alone, then the new one alone
    for (let second = 0; second <= 8; second++) {
      if (second === 6) world.server.knows = new Set([made]);
      await corridor.rotate.turn();
      answers.push(await corridor.ask());
      await world.pass(1);
    }
    expect(answers.filter((answer) => !/^[0-9a-f]{64}$/.test(answer))).toEqual([]);
    const { asked } = world.server;
    // no request of a run is made with the new one while the server may not know it
    const dropped = asked.findIndex(({ by, accepted }) => by === old && !accepted);
    expect(asked.slice(0, dropped).filter(({ by, accepted }) => by === made && accepted)).toEqual([]);
    expect(asked[dropped + 1]).toEqual({ by: made, accepted: true });
    expect(asked.at(-1)).toEqual({ by: made, accepted: true });
    expect((await world.rotation()).state).toBe('overlap');
  }
});
