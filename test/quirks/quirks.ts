/*
 * How real authorization servers deviate, and what Corridor does about it: the one source of the titles of the tests beside this file
 * and of docs/quirks.md (scripts/write-quirks.mjs). It imports nothing, so that the script can read it.
 */

export interface Quirk {
  /** Who deviates, and how. */
  readonly who: string;
  /** What Corridor does. */
  readonly does: string;
  /** What is not tested here, and why, in a few words. */
  readonly open?: string;
}

const table = {
  Q1: {
    who: 'Some servers take Basic credentials as they are, others undo the form encoding that RFC 6749 asks for; it shows only with ids or secrets that hold `+`, `%` or `:`.',
    does: 'encodes unless `basic_encoding: raw`, and either kind of server reads the secret that it issued',
  },
  Q2: {
    who: "`encodeURIComponent` passes for form encoding: it writes spaces as `%20` and leaves `!'()*` alone; other clients escape even `-_.`, on which servers that do not decode stumble.",
    does: 'uses the encoder of HTML forms, which leaves a UUID as it is',
  },
  Q3: {
    who: 'Clients that find out the method by trying send the secret twice, hide the first error and remember the wrong answer.',
    does: 'uses the method that the catalogue names, once, and reports what the server said to it',
  },
  Q4: {
    who: 'Okta answers `invalid_request` to credentials in the header and the body at once.',
    does: 'shows who it is in one place alone',
  },
  Q5: {
    who: 'Auth0 issues for `audience`; without it comes an opaque token that is good elsewhere.',
    does: 'sends `audience` by the profile `auth0`; a token whose audience must be verified and cannot be is refused',
  },
  Q6: {
    who: 'Auth0 deprecates assertions for several audiences or for an endpoint.',
    does: 'makes assertions for the issuer, one string',
  },
  Q7: {
    who: 'Entra takes `<resource>/.default` and no other scope, one resource at a time, and assertions for its token endpoint.',
    does: 'asks so by the profile `entra`, for a token endpoint that the catalogue pins; the thumbprint is by SHA-256, or by SHA-1 where the profile says so',
  },
  Q8: {
    who: 'Entra refuses the parameter `resource` of RFC 8707.',
    does: 'leaves it out where the profile says so, and nowhere else: a refusal never makes it try without',
  },
  Q9: {
    who: "Entra's metadata for `common` and `organizations` names an issuer with a placeholder in it.",
    does: 'refuses metadata of another issuer than the one that was asked for, so that only a tenant works',
  },
  Q10: {
    who: "Okta's organisation server knows clients by key alone, wants scopes named, and new clients must send DPoP proofs, whose first is answered by a nonce.",
    does: 'authenticates by key, names its scopes, and asks once more with the nonce, in a new proof and a new assertion',
  },
  Q11: {
    who: 'PingOne takes RS* and ES* alone, and no assertion that lives for more than an hour.',
    does: 'signs with ES256 by default, for a minute',
  },
  Q12: {
    who: 'Keycloak takes one audience in an assertion since 26.2, by preference the issuer.',
    does: 'names one, the issuer',
  },
  Q13: {
    who: 'Duende in strict mode takes the issuer as a string; an array with nothing else in it is refused.',
    does: 'sends the string',
  },
  Q14: {
    who: "Google's service accounts get tokens by another grant (RFC 7523 §2.1), with the scope inside the assertion.",
    does: 'sends client credentials or nothing: a server that wants another grant is not humoured',
  },
  Q15: {
    who: 'Salesforce says neither `expires_in` nor a number in `issued_at`, and adds where the token is good.',
    does: 'uses a token for the default life of the profile, compares `instance_url` with the resource, and passes nothing else on',
  },
  Q16: {
    who: 'Some servers need `client_id` beside an assertion, others forbid it.',
    does: 'leaves it out unless the profile says `client_id_with_assertion`, and then says the same as the assertion',
  },
  Q17: {
    who: 'Audiences have many spellings: application ids and names that are no URI (Entra, ADFS, Keycloak), scopes that begin with the resource (Cognito).',
    does: 'knows a resource by its uri and by its name at the server, and writes and reads scopes as the profile says',
  },
  Q18: {
    who: "MCP's pages showed the JWT bearer grant with the token endpoint as audience where the extension's text says client credentials.",
    does: 'follows the text: client credentials with a client assertion for the issuer',
  },
  Q19: {
    who: 'A new secret or key is good only after seconds or minutes, and the old one may die at once.',
    does: 'proves a new version by a token before it is used, keeps the old one until then, and asks with the other where one is refused',
  },
  Q20: {
    who: 'Registration tokens may be good for one use (Keycloak), so that a lost answer locks the client out.',
    does: 'registers no client by itself',
    open: 'does not arise',
  },
  Q21: {
    who: 'URL objects add a slash to an origin, and servers echo either form.',
    does: 'sends the resource byte for byte as declared, and takes an origin with or without its slash as the same audience',
  },
  Q22: {
    who: '`expires_in` comes as a string (Entra v1, PayPal), as null, as a fraction, or not at all.',
    does: 'reads digits in whatever form; without them the token is used for the default life and counted as exposed for the longest',
  },
  Q23: {
    who: '`token_type` comes as `bearer`, `BEARER`, as a word of the vendor, or is missing.',
    does: 'compares without case, knows other words by the profile alone, and refuses what says nothing, whatever the profile',
  },
  Q24: {
    who: '`scope` comes as a list (Twitch), with commas (GitHub), as null or empty.',
    does: 'takes null as not said, and a list or commas by the profile alone; else these are refused, and an empty text always',
  },
  Q25: {
    who: 'Keycloak adds default scopes that nobody asked for; others ignore what was asked.',
    does: 'tolerates the scopes that the profile names; anything else that was not asked for makes it refuse and revoke the token',
  },
  Q26: {
    who: 'Refresh tokens, `refresh_expires_in: 0`, ID tokens and session states come along.',
    does: 'keeps none of it',
  },
  Q27: {
    who: 'GitHub and Slack say 200 and that it failed; some nest the token elsewhere.',
    does: 'believes the body, and never looks for a token where none belongs',
  },
  Q28: {
    who: 'GitHub and others answer with a form or plain text unless they are asked for JSON.',
    does: 'asks for JSON, and reads nothing else: no profile makes it read a form',
  },
  Q29: {
    who: 'Firewalls, gateways and login pages answer with HTML, some with 200 and the media type of JSON.',
    does: 'calls it unreadable, repeats none of it, and counts the token as possibly issued',
  },
  Q30: {
    who: 'Throttling comes with or without `Retry-After`, with the end of the pause in a header of the vendor, or as 500 with a sentence (Auth0).',
    does: 'heeds `Retry-After`, else the header and the pause that the profile names, and takes the 500 for an outage',
  },
  Q31: {
    who: 'Some token endpoints redirect; 307 and 308 would have the credentials sent again.',
    does: 'follows none',
  },
  Q32: {
    who: 'Bodies without end, and small ones that unfold to many megabytes.',
    does: 'asks for no compression and takes none, and reads 256 KiB at most',
  },
  Q33: {
    who: 'Headers at once and then a byte now and then, or nothing at all.',
    does: 'holds the whole exchange to one deadline, and counts the token as possibly issued',
  },
  Q34: {
    who: 'Compressed bodies that do not say so.',
    does: 'calls them unreadable',
  },
  Q35: {
    who: 'JSON with repeated names, `__proto__`, a byte order mark, UTF-16, or nested without end.',
    does: 'reads UTF-8 with or without a mark; what can be read in two ways or not at all is refused, and a token seen in it is revoked',
  },
  Q36: {
    who: 'Optional members are there and null or empty.',
    does: 'takes them as absent',
  },
  Q37: {
    who: 'Error codes that are registered nowhere, under any status.',
    does: 'looks codes up in a table, then goes by the status; what it does not know counts as a refusal',
  },
  Q38: {
    who: '`invalid_grant` or `unauthorized_client` where `invalid_client` is meant, and the reverse.',
    does: 'takes them all for a refusal of the client, and gives up no credential for one code: the next attempt is made with the same',
  },
  Q39: {
    who: "A host's clock is off by seconds or minutes.",
    does: 'dates assertions back a little, counts lives from its own request and not from the `Date` of the answer, and forgives `exp` a minute',
  },
  Q40: {
    who: 'Tokens of 8 to 16 KB, and with any visible character.',
    does: 'takes them',
  },
  Q41: {
    who: 'Behind a vanity domain or a proxy the metadata names another issuer than the one that was asked for.',
    does: 'refuses it: the operator corrects the catalogue',
  },
  Q42: {
    who: 'Key sets with repeated or missing `kid`, keys of unknown kinds, or nothing in them; floods of unknown `kid`.',
    does: 'uses the keys that it understands, and fetches a set once per pause, whoever asks for what',
  },
  Q43: {
    who: 'A proof names another URL than the one that a proxy shows to the server.',
    does: 'names the endpoint as it is published, and no other when that is refused',
  },
} satisfies Readonly<Record<string, Quirk>>;

export type QuirkId = keyof typeof table;
export const quirks: Readonly<Record<QuirkId, Quirk>> = table;

/** docs/quirks.md. By id: where its test is, and what came of it when it was run. */
export function printQuirks(tested: ReadonlyMap<string, { readonly file: string; readonly result: string }>): string {
  const rows = Object.entries(quirks).map(([id, quirk]: [string, Quirk]) => {
    const test = tested.get(id);
    const where = test === undefined ? '' : `[${test.file.replace(/^.*\//, '').replace('.test.ts', '')}](../${test.file})`;
    const result = [test?.result, quirk.open].filter((each) => each !== undefined).join('; ');
    return `| ${id} | ${quirk.who} | It ${quirk.does}. | ${where} | ${result} |`;
  });
  return `# Quirks of authorization servers

How servers deviate from the specifications, as their documentation and the reports of others tell, and what Corridor does about each of them. Every row is a test against a server that behaves so, over a wire wherever a wire is concerned. What is particular about a vendor is a [profile](profiles.md).

This page is made from those tests: \`node scripts/write-quirks.mjs\` runs them and writes it.

| id | who deviates and how | what Corridor does | test | result |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

How agents' own client libraries deviate is another matter: \`test/interop\` runs them unmodified.
`;
}
