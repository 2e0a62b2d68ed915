import type { Secret } from '../oauth/secret.js';
import type { AssertionForm } from './workload-assertion.js';

/** What a request presented to prove whose it is (RFC 6749 §2.3, RFC 7521 §4.2): exactly one mechanism, not yet verified. */
export type ClientAuthentication =
  | { readonly kind: 'basic'; readonly clientId: string; readonly secret: Secret }
  | { readonly kind: 'post'; readonly clientId: string; readonly secret: Secret }
  | { readonly kind: 'assertion'; readonly form: AssertionForm; readonly clientId: string | null; readonly assertion: Secret };
