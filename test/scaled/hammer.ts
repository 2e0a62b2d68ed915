import type { Chronicle } from './chronicle.js';
import { pick, subjectOf, type Families } from './families.js';
import type { Resource } from './scaled-catalogue.js';
import type { Surface } from './surface.js';

const AGENTS_PER_REPLICA = 8;
const resources: readonly Resource[] = ['crm', 'files'];

/** Agents of all families that ask all replicas for tokens, each agent one replica, until so many requests were made and `over`. */
export async function hammer(
  surface: Surface,
  chronicle: Chronicle,
  families: Families,
  { amount, over }: { readonly amount: number; readonly over: () => boolean },
): Promise<void> {
  let asked = 0;
  const agent = async (replica: number): Promise<void> => {
    while (asked < amount || !over()) {
      asked++;
      const member = families.any();
      const resource = pick(resources);
      const { outcome } = await chronicle.call(subjectOf(member, resource), () => surface.ask(replica, member.run, resource));
      if (outcome === 'lost') await new Promise((resolve) => setTimeout(resolve, 20)); // as a client that is told to try again does
    }
  };
  await Promise.all([0, 1, 2].flatMap((replica) => Array.from({ length: AGENTS_PER_REPLICA }, () => agent(replica))));
}
