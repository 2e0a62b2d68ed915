import type { UpstreamFault } from './token.js';

/** Why nothing could be sent to an authorization server. */
export type PreparationFault = Extract<
  UpstreamFault,
  | 'metadata_unavailable'
  | 'metadata_invalid'
  | 'algorithm_unsupported'
  | 'details_type_unsupported'
  | 'credential_unavailable'
  | 'credential_bound_elsewhere'
>;

/** A request to an authorization server could not be made ready: nothing was sent. It holds none of the server's text. */
export class UpstreamFailed extends Error {
  constructor(readonly fault: PreparationFault) {
    super(fault);
    this.name = 'UpstreamFailed';
  }
}
