import { quirks, type QuirkId } from './quirks.js';

/** The test of a quirk, titled by what Corridor does about it. */
export function quirk(id: QuirkId, test: () => Promise<void>): void {
  it(`${quirks[id].does} (${id})`, test);
}
