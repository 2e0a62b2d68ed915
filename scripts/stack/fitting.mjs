// What compose.yaml asks for and this build does not know yet, so that the stack does without. To go when it knows all of it.
import { readFile } from 'node:fs/promises';

const settings = await import('../../dist/config/settings.js');
const known = settings.knownVariables ?? Object.keys(settings.variables);

/** As Caddy does. */
export const asksReadiness = known.includes('CORRIDOR_DRAIN');
export const readyPath = asksReadiness ? '/readyz' : '/.well-known/oauth-authorization-server/oauth2';

/** Whether a service can be started at all. */
export const isServed = ({ environment }) => environment.CORRIDOR_ROLE === 'api' || known.includes('CORRIDOR_ROLE');

/** Without the variables that it does not know; a file of a secret becomes the secret where it knows the variable itself. */
export async function fitting(environment) {
  const fitted = {};
  for (const [name, value] of Object.entries(environment)) {
    const plain = name.replace(/_FILE$/, '');
    if (known.includes(name)) fitted[name] = value;
    else if (known.includes(plain)) fitted[plain] = (await readFile(value, 'utf8')).trim();
  }
  return fitted;
}
