// Which part of Corridor a main thread spent its time in, from a CPU profile of it.

/**
 * By where the code lies. A function of Node, or one that everybody uses, counts for whoever called it; what is in none of these
 * counts for Node.
 */
const PARTS = [
  ['watching it', /\/dist\/platform\/(metrics|tracing)\/|\/node_modules\/(prom-client|@opentelemetry)\//],
  ['Redis', /\/dist\/platform\/redis\/|\/node_modules\/(ioredis|bullmq|redis-parser)\//],
  ['database', /\/dist\/(store|platform\/postgres)\/|\/node_modules\/pg(-\w+)?\//],
  ['authentication', /\/dist\/(runs|access)\//],
  [
    'decision',
    /\/dist\/(policy|catalogue|suspensions|platform\/evaluation)\/|\/dist\/issuance\/(decide|limit|load-context|facts|queue|sliding)/,
  ],
  ['entry', /\/dist\/attribution\/|\/dist\/issuance\/(release|attribution-of|answer)/],
  [
    'talking to the authorization server',
    /\/dist\/(upstreams|credentials|platform\/(connection|checked|upstream))|\/node_modules\/(undici|jose)\//,
  ],
  [
    'token in memory or not',
    /\/dist\/issuance\/(fulfil|obtain|mint|make-wish|token-cache|kept|single-flight|shared|circuits|recent|renew)/,
  ],
  ['HTTP', /\/dist\/http\/|\/node_modules\/(@?fastify|@nestjs|find-my-way|rxjs)|^node:_http_(server|incoming|outgoing|common)$/],
  ['the rest of Corridor', /\/dist\/issuance\/issue-token/],
];
export const REST = 'Node and the system';
export const COLLECTION = 'garbage collection';
export const PART_NAMES = [...PARTS.map(([name]) => name), COLLECTION, REST];

/** Where the profiler itself is at work. */
const PROFILER = /\/bench\/profiling\.mjs$/;

/** The share of each part in the time that the thread was not idle. */
export function partsOfProfile({ nodes, samples, timeDeltas }) {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const partOf = new Map(nodes.map(({ id }) => [id, partOfNode(id, byId, parents)]));
  const times = new Map();
  let busy = 0;
  for (const [index, id] of samples.entries()) {
    const part = partOf.get(id);
    if (part === null) continue;
    busy += timeDeltas[index];
    times.set(part, (times.get(part) ?? 0) + timeDeltas[index]);
  }
  return Object.fromEntries(PART_NAMES.map((name) => [name, (times.get(name) ?? 0) / busy]));
}

/** Null where the thread was idle, or profiling. */
function partOfNode(id, byId, parents) {
  const { functionName } = byId.get(id).callFrame;
  if (functionName === '(idle)') return null;
  if (functionName === '(garbage collector)') return COLLECTION;
  for (let at = id; at !== undefined; at = parents.get(at)) {
    const { url } = byId.get(at).callFrame;
    if (PROFILER.test(url)) return null;
    const part = PARTS.find(([, place]) => place.test(url));
    if (part !== undefined) return part[0];
  }
  return REST;
}
