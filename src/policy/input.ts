import type { AuthorizationDetail } from '../oauth/authorization-details.js';

/** What the policy sees (EXAMPLES "Input and decision"): this is a wire format, hence its names. Times are seconds since 1970. */
export interface PolicyInput {
  readonly version: 1;
  readonly now: {
    readonly unix: number;
    readonly weekday: 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';
    readonly date: string;
    readonly hour: number;
    readonly minute: number;
    readonly zone: string;
  };
  readonly run: {
    readonly id: string;
    readonly agent: { readonly name: string; readonly version: string; readonly model: string };
    readonly operator: string | null;
    readonly purpose: string;
    readonly runtime: string;
    readonly started_at: number;
    readonly expires_at: number;
    readonly ancestors: readonly { readonly id: string; readonly workflow: string; readonly purpose: string }[];
    /** The signed claims that the mapping of the runtime names; absent where nothing was attested. */
    readonly attested?: Readonly<Record<string, string | number | boolean>>;
    readonly counters?: Counters;
  };
  readonly workflow: {
    readonly id: string;
    readonly owner: string;
    readonly purposes: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
    readonly counters?: Counters;
  };
  readonly request: {
    readonly resource: string;
    /** Empty only where details are asked for. */
    readonly scopes: readonly string[];
    /** Absent where none are asked for. */
    readonly authorization_details?: readonly AuthorizationDetail[];
  };
  readonly resource: {
    readonly id: string;
    readonly uri: string;
    readonly authorization_server: string;
    readonly scopes: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly client: { readonly id: string; readonly owner: string; readonly method: string; readonly credential_age_days: number };
}

/** History: upstream tokens of this run, or of this workflow today, minted or under way. */
export interface Counters {
  readonly tokens: number;
}
