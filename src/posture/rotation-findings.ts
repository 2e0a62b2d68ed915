import type { Catalogue } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import type { Rotation } from '../credentials/rotation.js';
import type { Finding } from './finding.js';

/** Milliseconds in which most servers learn of a new credential. */
const PATIENCE = 600_000;

/** Rotations that wait for somebody, are not proven for long, or failed. */
export function rotationFindings(catalogue: Catalogue, rotations: readonly Rotation[], now: number): Finding[] {
  return rotations.flatMap((rotation) => (declared(catalogue.clients, rotation.client) === null ? [] : ofRotation(rotation, now)));
}

function ofRotation({ client, state, begunAt, attempts, fault }: Rotation, now: number): Finding[] {
  const subject = `client ${client}`;
  const begun = `the rotation that began at ${new Date(begunAt).toISOString()}`;
  switch (state) {
    case 'registering': {
      const message = `${begun} waits for its server to be told of the new key ("corridor client jwks ${client}"): then confirm it with "corridor client rotate ${client} --registered"`;
      return [{ code: 'rotation_waiting', severity: begunAt + PATIENCE < now ? 'warning' : 'info', subject, message }];
    }
    case 'proving': {
      if (begunAt + PATIENCE > now || fault === null) return [];
      const message = `${begun} is not proven after ${attempts} attempts (${fault}); the old credential stays in use meanwhile`;
      return [{ code: 'rotation_unproven', severity: 'warning', subject, message }];
    }
    case 'failed': {
      const message = `${begun} failed (${fault ?? 'unknown'}) and the old credential stays in use: look at its server, then "corridor client rotate ${client}"`;
      return [{ code: 'rotation_failed', severity: 'warning', subject, message }];
    }
    default:
      return [];
  }
}
