import fc from 'fast-check';
import { profiles, standardProfile } from '../../src/catalogue/profile.js';
import { parseStoredCatalogue } from '../../src/catalogue/stored-catalogue.js';
import { parseCatalogueFile } from '../../src/catalogue/parse-catalogue-file.js';
import { catalogueOf, example, exampleWith, problemsOf, readProjectFile } from './example.js';

const member = 'say who answers for the client, such as search-team@example.com';

describe('a catalogue file', () => {
  it('becomes the catalogue that it declares', () => {
    const catalogue = catalogueOf(example);
    expect(catalogue.timeZone).toBe('Europe/Berlin');
    expect(catalogue.authorizationServers).toEqual({
      demo: { id: 'demo', issuer: 'http://127.0.0.1:9400', profile: standardProfile, allowHosts: ['127.0.0.1'] },
    });
    expect(catalogue.resources.crm).toEqual({
      id: 'crm',
      uri: 'https://crm.example/api',
      authorizationServer: 'demo',
      scopes: ['crm:read', 'crm:write'],
      defaultScopes: ['crm:read'],
      maxTokenTtl: 3600,
      verifyAudience: false,
      labels: {},
    });
    expect(catalogue.purposes['inbox-triage']).toEqual({ id: 'inbox-triage', description: "Act on one person's mailbox", needsUser: true });
    expect(catalogue.workflows['nightly-index']).toEqual({
      id: 'nightly-index',
      owner: 'search-team@example.com',
      purposes: ['search-indexing'],
      maxRunTtl: 3600,
      labels: { environment: 'production' },
    });
    expect(catalogue.clients.indexer).toEqual({
      id: 'indexer',
      clientId: 'corridor-indexer',
      authorizationServer: 'demo',
      owner: 'search-team@example.com',
      workflows: ['nightly-index'],
      resources: ['crm'],
      method: 'private_key_jwt',
      credential: { kind: 'generate' },
      rotateEvery: 90 * 86_400,
      maxTokenLife: 3600,
    });
    expect(catalogue.runtimes).toEqual({ ci: { id: 'ci', workflows: ['nightly-index'] } });
  });

  it('may leave out every section, and leave one without entries', () => {
    expect(catalogueOf('version: 1\nclients:\n').clients).toEqual({});
    expect(catalogueOf('version: 1\n').timeZone).toBe('UTC');
  });

  it('may change single members of a profile', () => {
    const profile =
      'profile: { name: standard, basic_encoding: raw, resource_parameter: none, assertion_type: none, assertion_life: 2m, tolerated_extra_scopes: [b, a] }';
    expect(catalogueOf(exampleWith('profile: standard', profile)).authorizationServers.demo?.profile).toEqual({
      ...standardProfile,
      basicEncoding: 'raw',
      resourceParameter: null,
      assertionType: null,
      assertionLife: 120,
      toleratedExtraScopes: ['a', 'b'],
    });
  });

  it.each(['standard', 'keycloak', 'auth0', 'entra', 'okta', 'ping', 'cognito', 'salesforce', 'hydra'])(
    'may name the profile %s',
    (name) => {
      const server = `profile: ${name}, token_endpoint: "http://127.0.0.1:9400/token", revocation_endpoint: "http://127.0.0.1:9400/revoke"`;
      const { demo } = catalogueOf(exampleWith('profile: standard', server)).authorizationServers;
      expect(demo?.profile).toEqual(profiles[name]);
      expect(demo?.profile.name).toBe(name);
    },
  );

  it('may change every member of a profile', () => {
    const changed = `profile:
      name: entra
      basic_encoding: raw
      scope_form: prefixed
      resource_parameter: audience
      assertion_type: client-authentication+jwt
      assertion_audience: issuer
      assertion_certificate: x5c
      assertion_life: 2m
      assertion_backdate: 10s
      client_id_with_assertion: false
      other_bearer_names: [BearerToken]
      default_token_life: 10m
      scope_claims: [permissions]
      tolerated_extra_scopes: [openid]
      tolerated_extra_audiences: [account]
      audience_member: resource
      client_claims: [cid]
      scope_answer: commas
      other_token_issuers: ["https://old.example/"]
      reuses_tokens: true
      revokes_tokens: true
      throttling: { reset_header: x-reset, pause: 30s }`;
    const text = exampleWith(
      '{ issuer: "http://127.0.0.1:9400", profile: standard, allow_hosts: [127.0.0.1] }',
      `\n    issuer: "https://idp.example"\n    ${changed}`,
    );
    expect(catalogueOf(text).authorizationServers.demo?.profile).toEqual({
      name: 'entra',
      basicEncoding: 'raw',
      scopeForm: 'prefixed',
      resourceParameter: 'audience',
      assertionType: 'client-authentication+jwt',
      assertionAudience: 'issuer',
      assertionCertificate: 'x5c',
      assertionLife: 120,
      assertionBackdate: 10,
      clientIdWithAssertion: false,
      otherBearerNames: ['bearertoken'],
      defaultTokenLife: 600,
      scopeAnswer: 'commas',
      scopeClaims: ['permissions'],
      toleratedExtraScopes: ['openid'],
      toleratedExtraAudiences: ['account'],
      audienceMember: 'resource',
      clientClaims: ['cid'],
      otherTokenIssuers: ['https://old.example/'],
      reusesTokens: true,
      revokesTokens: true,
      throttling: { resetHeader: 'x-reset', pause: 30 },
    });
  });

  it('may say what a client was granted where its server cannot narrow, and by which name a resource is known there', () => {
    const text = exampleWith('profile: standard', 'profile: { name: standard, scope_form: dot_default }')
      .replace('    resources: [crm]', '    resources: [crm]\n    holds: { crm: [crm:write] }')
      .replace('crm: { uri: "https://crm.example/api",', 'crm: { uri: "https://crm.example/api", audience: "api://crm",');
    const catalogue = catalogueOf(text);
    expect(catalogue.clients.indexer?.holds).toEqual({ crm: ['crm:write'] });
    expect(catalogue.resources.crm?.audience).toBe('api://crm');
  });

  it('may give endpoints, a signing algorithm, labels and a demand for verified audiences', () => {
    const text = exampleWith(
      'allow_hosts',
      'token_endpoint: "https://idp.example/token?tenant=1", mtls_token_endpoint: "https://mtls.example/token", revocation_endpoint: "https://idp.example/revoke", allow_hosts',
    )
      .replace('credential: generate', 'credential: file:indexer/key.pem\n    algorithm: PS256')
      .replace('[billing:read]', '[billing:read], verify_audience: true, labels: { tier: gold }');
    const { authorizationServers, clients, resources } = catalogueOf(text);
    expect(authorizationServers.demo).toMatchObject({
      tokenEndpoint: 'https://idp.example/token?tenant=1',
      mtlsTokenEndpoint: 'https://mtls.example/token',
      revocationEndpoint: 'https://idp.example/revoke',
    });
    expect(clients.indexer).toMatchObject({ credential: { kind: 'file', path: 'indexer/key.pem' }, algorithm: 'PS256' });
    expect(resources.billing).toMatchObject({ verifyAudience: true, labels: { tier: 'gold' } });
  });

  it('may say which types of authorization details a resource takes, and keeps them', () => {
    const catalogue = catalogueOf(exampleWith('default_scopes: [crm:read]', 'authorization_details_types: [payment, account]'));
    expect(catalogue.resources.crm?.authorizationDetailsTypes).toEqual(['account', 'payment']);
    expect(parseStoredCatalogue(JSON.parse(JSON.stringify(catalogue)))).toEqual(catalogue);
  });

  it('means the same in whatever order its lists are', () => {
    expect(catalogueOf(exampleWith('[crm:read, crm:write]', '[crm:write, crm:read]'))).toEqual(catalogueOf(example));
  });

  it('may use anchors and aliases for what it repeats', () => {
    const text = exampleWith('    workflows: [nightly-index]', '    workflows: &all [nightly-index]').replace(
      'ci: { workflows: [nightly-index] }',
      'ci: { workflows: *all }',
    );
    expect(catalogueOf(text)).toEqual(catalogueOf(example));
  });

  it('keeps an issuer and a resource indicator byte for byte (A71, B53)', () => {
    const text = exampleWith('"http://127.0.0.1:9400"', '"https://IdP.example:443/t1/"').replace(
      'https://crm.example/api',
      'https://CRM.example',
    );
    expect(catalogueOf(text).authorizationServers.demo?.issuer).toBe('https://IdP.example:443/t1/');
    expect(catalogueOf(text).resources.crm?.uri).toBe('https://CRM.example');
  });

  it('is shown by the demo', () => {
    expect(catalogueOf(readProjectFile('examples/demo/corridor.yaml'))).toEqual(catalogueOf(example));
  });
});

type Row = [title: string, text: string, replacement: string, ...problems: string[]];

const rows: Row[] = [
  [
    'an unknown member',
    '    rotate_every: 90d',
    '    rotate_every: 90d\n    zzz: 1',
    '23:5: clients.indexer.zzz is unknown: remove it; what can stand here is client_id, authorization_server, owner, workflows, resources, holds, method, credential, algorithm, key_registration, rotate_every, max_token_life',
  ],
  [
    'a member with a slip in its name',
    '    owner: search',
    '    ownr: search',
    `14:3: clients.indexer.owner is missing: ${member}`,
    '17:5: clients.indexer.ownr is unknown: did you mean owner?',
  ],
  ['an unknown section', 'runtimes:', 'runtime:', '24:1: runtime is unknown: did you mean runtimes?'],
  ['another version', 'version: 1', 'version: 2', '1:10: version must be 1, without quotes'],
  ['no version', 'version: 1\n', '', '1:1: version is missing: write version: 1'],
  [
    'an unknown time zone',
    'Europe/Berlin',
    'Europe/Berlinn',
    '2:12: time_zone is no time zone of the IANA list: write one such as Europe/Berlin or UTC',
  ],
  [
    'a workflow without an owner',
    'owner: search-team@example.com, ',
    '',
    '12:3: workflows.nightly-index.owner is missing: say who answers for the workflow, such as search-team@example.com',
  ],
  ['a client without an owner', '    owner: search-team@example.com\n', '', `14:3: clients.indexer.owner is missing: ${member}`],
  ['an owner left empty', '    owner: search-team@example.com\n', '    owner:\n', `17:5: clients.indexer.owner is missing: ${member}`],
  ['a blank owner', '    owner: search-team@example.com\n', '    owner: ""\n', '17:12: clients.indexer.owner is empty: fill it in'],
  [
    'a client without a rotation schedule',
    '    rotate_every: 90d\n',
    '',
    '14:3: clients.indexer.rotate_every is missing: say how often its credential is replaced, such as 90d',
  ],
  [
    'a client without a longest token life',
    '    max_token_life: 1h\n',
    '',
    '14:3: clients.indexer.max_token_life is missing: say how long the tokens live that the server issues to it, such as 1h',
  ],
  [
    'an unknown purpose',
    'purposes: [search-indexing]',
    'purposes: [search-indexin]',
    '12:63: there is no purpose search-indexin: did you mean search-indexing?',
  ],
  [
    'an unknown authorization server',
    'server: demo, scopes: [b',
    'server: other, scopes: [b',
    '7:72: there is no authorization server other: declare it or remove the name',
  ],
  [
    'an unknown workflow',
    '    workflows: [nightly-index]',
    '    workflows: [nightly-index, weekly]',
    '18:32: there is no workflow weekly: declare it or remove the name',
  ],
  ['an unknown resource', 'resources: [crm]', 'resources: [crmm]', '19:17: there is no resource crmm: did you mean crm?'],
  [
    'an unknown workflow of a runtime',
    'ci: { workflows: [nightly-index] }',
    'ci: { workflows: [monthly] }',
    '25:21: there is no workflow monthly: declare it or remove the name',
  ],
  [
    'a default scope that does not exist',
    'default_scopes: [crm:read]',
    'default_scopes: [crm:read, crm:admin]',
    '6:128: resources.crm.default_scopes holds a scope that scopes does not: add it there or remove it here',
  ],
  [
    'no type of authorization details',
    'default_scopes: [crm:read]',
    'authorization_details_types: []',
    '6:130: resources.crm.authorization_details_types is empty: list the types or leave the member out',
  ],
  [
    'a type of authorization details that is an object',
    'default_scopes: [crm:read]',
    'authorization_details_types: [{ type: payment }]',
    '6:131: resources.crm.authorization_details_types must be text: put it in quotes',
  ],
  [
    'a type of authorization details in two words',
    'default_scopes: [crm:read]',
    'authorization_details_types: [account, a payment]',
    '6:140: resources.crm.authorization_details_types must be one word of at most 256 characters in ASCII, without quotation marks or backslashes',
  ],
  [
    'a scope of two words (A40)',
    '[billing:read]',
    '["billing read"]',
    '7:87: resources.billing.scopes is no scope token: it must be one word without quotation marks or backslashes (RFC 6749 §3.3)',
  ],
  [
    'a resource indicator with a fragment',
    'https://billing.example/api"',
    'https://billing.example/api#x"',
    '7:19: resources.billing.uri must be an absolute URI without a fragment (RFC 8707), such as https://crm.example/api',
  ],
  [
    'a relative resource indicator',
    'https://billing.example/api"',
    '/billing"',
    '7:19: resources.billing.uri must be an absolute URI without a fragment (RFC 8707), such as https://crm.example/api',
  ],
  [
    'two resources of one indicator',
    'https://billing.example/api"',
    'https://crm.example/api"',
    '7:19: resource crm has this uri already: remove one of the two or correct it',
  ],
  [
    'a duration in words',
    'rotate_every: 90d',
    'rotate_every: 90 days',
    '22:19: clients.indexer.rotate_every must be a duration such as 30s, 15m, 1h or 90d',
  ],
  [
    'a duration without a unit',
    'rotate_every: 90d',
    'rotate_every: 90',
    '22:19: clients.indexer.rotate_every must be a duration such as 30s, 15m, 1h or 90d',
  ],
  [
    'a duration of nothing',
    'rotate_every: 90d',
    'rotate_every: 0d',
    '22:19: clients.indexer.rotate_every is zero: write a time, such as 15m',
  ],
  [
    'a duration of a lifetime',
    'rotate_every: 90d',
    'rotate_every: 9999d',
    '22:19: clients.indexer.rotate_every is longer than 10 years: shorten it',
  ],
  [
    'a plain http issuer (A72)',
    '"http://127.0.0.1:9400"',
    '"http://idp.example"',
    '4:19: authorization_servers.demo.issuer must be https; plain http only when allow_hosts of this server names idp.example',
  ],
  [
    'an issuer at a private address',
    '"http://127.0.0.1:9400"',
    '"https://10.0.0.1"',
    '4:19: authorization_servers.demo.issuer is a loopback or private address: such hosts only when allow_hosts of this server names 10.0.0.1',
  ],
  [
    'an issuer at a disguised loopback address',
    '"http://127.0.0.1:9400", profile: standard, allow_hosts: [127.0.0.1]',
    '"https://[::ffff:7f00:1]/"',
    '4:19: authorization_servers.demo.issuer is a loopback or private address: such hosts only when allow_hosts of this server names ::ffff:7f00:1',
  ],
  [
    'an issuer with a query (A72)',
    '"http://127.0.0.1:9400"',
    '"https://idp.example/?x=1"',
    '4:19: authorization_servers.demo.issuer must not have a query: remove the ? and what follows it',
  ],
  [
    'an issuer with a fragment (A72)',
    '"http://127.0.0.1:9400"',
    '"https://idp.example/#"',
    '4:19: authorization_servers.demo.issuer must not have a fragment: remove the # and what follows it',
  ],
  [
    'an issuer with credentials',
    '"http://127.0.0.1:9400"',
    '"https://a:b@idp.example/"',
    '4:19: authorization_servers.demo.issuer must not hold a user name or password: remove what stands before the @',
  ],
  [
    'an issuer that is no URL',
    '"http://127.0.0.1:9400"',
    '"idp.example"',
    '4:19: authorization_servers.demo.issuer must be an absolute URL that begins with https://',
  ],
  [
    'a token endpoint with a fragment (A2)',
    'profile: standard',
    'token_endpoint: "https://idp.example/token#x"',
    '4:60: authorization_servers.demo.token_endpoint must not have a fragment: remove the # and what follows it',
  ],
  [
    'two servers of one issuer',
    '  demo: {',
    '  other: { issuer: "http://127.0.0.1:9400/", allow_hosts: [127.0.0.1] }\n  demo: {',
    '5:19: authorization server other has this issuer already: remove one of the two or correct it',
  ],
  [
    'a host with a port',
    '[127.0.0.1]',
    '["127.0.0.1:9400"]',
    '4:77: authorization_servers.demo.allow_hosts must be a host name or address in lower case, without a scheme, port or path',
  ],
  [
    'an unknown profile',
    'profile: standard',
    'profile: kecloak',
    '4:53: authorization_servers.demo.profile must be standard or keycloak or auth0 or entra or okta or ping or cognito or salesforce or hydra: did you mean keycloak?',
  ],
  [
    'an unknown member of throttling',
    'profile: standard',
    'profile: { name: okta, throttling: { header: x } }',
    '4:81: authorization_servers.demo.profile.throttling.header is unknown: remove it',
  ],
  [
    'a profile whose assertions need the token endpoint, and none (A21)',
    'profile: standard',
    'profile: hydra',
    '4:53: authorization_servers.demo.profile makes the token endpoint the audience of assertions, which must not be learned: give token_endpoint',
  ],
  [
    'a profile whose assertions need the endpoint that is called, and not all (A21)',
    'profile: standard',
    'profile: okta, token_endpoint: "http://127.0.0.1:9400/token"',
    '4:53: authorization_servers.demo.profile makes the endpoint that is called the audience of assertions, which must not be learned: give revocation_endpoint, or say revokes_tokens: false',
  ],
  [
    'a name of a resource that no scope could hold',
    'crm: { uri: "https://crm.example/api",',
    'crm: { uri: "https://crm.example/api", audience: "the crm",',
    '6:52: resources.crm.audience must be one word in ASCII, without quotation marks or backslashes',
  ],
  [
    'a grant where its server can narrow',
    '    resources: [crm]',
    '    resources: [crm]\n    holds: { crm: [crm:read] }',
    '20:14: clients.indexer.holds says nothing of crm: its server issues what is asked for; remove it',
  ],
  [
    'an unknown member of a profile',
    'profile: standard',
    'profile: { name: standard, basic: raw }',
    '4:71: authorization_servers.demo.profile.basic is unknown: remove it',
  ],
  [
    'an assertion that lives too long (A23)',
    'profile: standard',
    'profile: { name: standard, assertion_life: 10m }',
    '4:87: authorization_servers.demo.profile.assertion_life is longer than 5 minutes: shorten it',
  ],
  [
    'an assertion that is born expired',
    'profile: standard',
    'profile: { name: standard, assertion_life: 5s }',
    '4:87: authorization_servers.demo.profile.assertion_life leaves assertions no time to be used: assertion_life counts from iat, so make it longer than assertion_backdate',
  ],
  [
    'a token endpoint as audience that is not pinned (A21)',
    'profile: standard',
    'profile: { name: standard, assertion_audience: token_endpoint }',
    '4:91: authorization_servers.demo.profile.assertion_audience can be token_endpoint only where token_endpoint of this server is given: give it',
  ],
  [
    'endpoints as audience that are not pinned (A21)',
    'profile: standard',
    'profile: { name: standard, assertion_audience: endpoint, revokes_tokens: false }',
    '4:91: authorization_servers.demo.profile.assertion_audience can be endpoint only where token_endpoint of this server is given: give it',
  ],
  [
    'a revocation endpoint as audience that is not pinned (A21)',
    'profile: standard',
    'profile: { name: standard, assertion_audience: endpoint }, token_endpoint: "http://127.0.0.1:9400/token"',
    '4:91: authorization_servers.demo.profile.assertion_audience can be endpoint only where revocation_endpoint of this server is given: give it, or say revokes_tokens: false',
  ],
  [
    'a secret in the file',
    'credential: generate',
    'credential: hunter2-hunter2',
    '21:17: clients.indexer.credential must be generate, env:NAME or file:PATH: a secret itself never stands in this file, and if it did, replace it at its server',
  ],
  [
    "a reference to someone else's variable",
    'credential: generate',
    'credential: env:CORRIDOR_KEY',
    '21:17: clients.indexer.credential may read only variables whose names begin with CORRIDOR_CLIENT_, such as env:CORRIDOR_CLIENT_CRM: rename the variable',
  ],
  [
    'a reference to no file',
    'credential: generate',
    'credential: "file:"',
    '21:17: clients.indexer.credential needs a path after file:, relative to CORRIDOR_SECRET_DIR',
  ],
  [
    'a vault reference',
    'credential: generate',
    'credential: vault:secret/x',
    '21:17: clients.indexer.credential is a vault: reference, which is not supported yet: use generate, env: or file:',
  ],
  [
    'a secret that Corridor is to make',
    'method: private_key_jwt',
    'method: client_secret_basic',
    '21:17: clients.indexer.credential cannot be generate with client_secret_basic: a secret comes from its server, so write env:NAME or file:PATH',
  ],
  [
    'an unknown method (A5)',
    'method: private_key_jwt',
    'method: none',
    '20:13: clients.indexer.method must be private_key_jwt or tls_client_auth or self_signed_tls_client_auth or client_secret_basic or client_secret_post or client_secret_jwt',
  ],
  [
    'an algorithm without a key',
    'private_key_jwt\n    credential: generate',
    'client_secret_basic\n    credential: env:CORRIDOR_CLIENT_X\n    algorithm: ES256',
    '22:16: clients.indexer.algorithm means nothing with client_secret_basic: remove it',
  ],
  [
    'tokens that are to be bound to a certificate that nobody shows',
    'profile: standard',
    'profile: standard, sender_constraint: mtls',
    '19:17: the tokens of resource crm are to be bound to a certificate (sender_constraint: mtls), and this client shows none: use tls_client_auth or self_signed_tls_client_auth',
  ],
  [
    'authorities that are no file',
    'profile: standard',
    'profile: standard, ca: env:CORRIDOR_CLIENT_CA',
    '4:67: authorization_servers.demo.ca must be file:PATH, relative to CORRIDOR_SECRET_DIR: a PEM file with certificates',
  ],
  [
    'a registration of keys that it does not make',
    'credential: generate',
    'credential: file:key.pem\n    key_registration: jwks_uri',
    '22:23: clients.indexer.key_registration is for keys that Corridor makes (credential: generate): remove it',
  ],
  [
    'a symmetric algorithm (A26)',
    'credential: generate',
    'credential: generate\n    algorithm: HS256',
    '22:16: clients.indexer.algorithm is one for secrets: name ES256, Ed25519, EdDSA, PS256 or RS256 with private_key_jwt',
  ],
  [
    'an asymmetric algorithm for a secret',
    'private_key_jwt\n    credential: generate',
    'client_secret_jwt\n    credential: env:CORRIDOR_CLIENT_X\n    algorithm: ES256',
    '22:16: clients.indexer.algorithm must be HS256, HS384 or HS512 with client_secret_jwt',
  ],
  [
    'a certificate of an authority that Corridor is to make',
    'method: private_key_jwt',
    'method: tls_client_auth',
    '21:17: clients.indexer.credential cannot be generate with tls_client_auth: an authority issues its certificate, so write file:PATH with key and certificate, or use self_signed_tls_client_auth',
  ],
  [
    'an algorithm for a certificate',
    'private_key_jwt\n    credential: generate',
    'self_signed_tls_client_auth\n    credential: generate\n    algorithm: ES256',
    '22:16: clients.indexer.algorithm means nothing with self_signed_tls_client_auth: remove it',
  ],
  [
    'a name in capitals',
    '  billing:',
    '  Billing:',
    '7:3: the name of a resource must begin with a lower-case letter or a digit and go on with at most 62 of these, dots, dashes and underscores',
  ],
  ['the name __proto__', '  billing:', '  __proto__:', '7:3: __proto__ cannot be a name here: choose another'],
  ['the label __proto__', 'environment: production', '__proto__: production', '12:108: __proto__ cannot be a name here: choose another'],
  ['the name constructor', '  billing:', '  constructor:', '7:3: constructor cannot be the name of a resource: choose another'],
  [
    'a flag in words',
    'needs_user: true',
    'needs_user: yes',
    '10:73: purposes.inbox-triage.needs_user must be true or false, without quotes',
  ],
  [
    'a label that is a number',
    'environment: production',
    'environment: 5',
    '12:121: workflows.nightly-index.labels.environment must be text: put it in quotes',
  ],
  [
    'a label with a space in its name',
    'environment: production',
    '"a b": c',
    '12:108: workflows.nightly-index.labels.(something) is no name for a label: use letters, digits, dots, dashes, slashes and underscores',
  ],
  [
    'a text that YAML takes for a number',
    'client_id: corridor-indexer',
    'client_id: 12345',
    '15:16: clients.indexer.client_id must be text: put it in quotes',
  ],
  [
    'a text where a list belongs',
    'resources: [crm]',
    'resources: crm',
    '19:16: clients.indexer.resources must be a list: write it in brackets',
  ],
  ['an empty list', 'resources: [crm]', 'resources: []', '19:16: clients.indexer.resources is empty: list the resources that it reaches'],
  [
    'a name listed twice',
    'resources: [crm]',
    'resources: [crm, crm]',
    '19:22: clients.indexer.resources has this twice: remove one of the two',
  ],
  [
    'an entry that is a text',
    '  indexer:\n',
    '  idx: hello\n  indexer:\n',
    '14:8: clients.idx must be a client: its members, in braces or indented below it',
  ],
  [
    'a section that is a list',
    '  ci: { workflows: [nightly-index] }',
    '  - ci',
    '25:3: runtimes must hold names, with a runtime behind each',
  ],
  ['a file that is a list', example, '- a\n', '1:1: the file must hold members such as version and clients, not a list or a text'],
  ['an empty file', example, '', '1:1: version is missing: write version: 1'],
  [
    'two clients for one workflow and resource',
    'runtimes:\n',
    '  second: { client_id: x, authorization_server: demo, owner: me, workflows: [nightly-index], resources: [billing, crm], method: private_key_jwt, credential: generate, rotate_every: 1d, max_token_life: 1h }\nruntimes:\n',
    '24:3: workflow nightly-index reaches resource crm through client indexer already: take the workflow or the resource out of one of the two',
  ],
  [
    "a client at another server than its resource's",
    '    authorization_server: demo',
    '    authorization_server: other',
    '16:27: there is no authorization server other: declare it or remove the name',
    '19:17: resource crm belongs to authorization server demo, and this client is registered at other: name another client or another resource',
  ],
  [
    'many things at once',
    '    owner: search-team@example.com\n    workflows: [nightly-index]\n    resources: [crm]\n    method: private_key_jwt\n',
    '    workflows: [nightly]\n    resources: [nope]\n    methods: private_key_jwt\n',
    '14:3: clients.indexer.method is missing: write private_key_jwt, or client_secret_basic where the server takes no keys',
    `14:3: clients.indexer.owner is missing: ${member}`,
    '17:17: there is no workflow nightly: declare it or remove the name',
    '18:17: there is no resource nope: declare it or remove the name',
    '19:5: clients.indexer.methods is unknown: did you mean method?',
  ],
];

describe('a catalogue file is refused, by line and column, for', () => {
  it.each(rows)('%s', (_, text, replacement, ...problems) => {
    expect(problemsOf(exampleWith(text, replacement))).toEqual(problems);
  });

  it('each problem that it has, up to a hundred', () => {
    const purposes = Array.from({ length: 130 }, (_, number) => `  p${number}: {}\n`).join('');
    const problems = problemsOf(exampleWith('purposes:\n', `purposes:\n${purposes}`));
    expect(problems).toHaveLength(101);
    expect(problems[0]).toBe('9:3: purposes.p0.description is missing: say in a sentence what it is for');
    expect(problems[100]).toBe('109:3: and 30 more problems: mend those above first');
  });

  it('whatever else it is: no text makes the parser throw', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => !parseCatalogueFile(text, 'f').ok));
    const words = fc.constantFrom(
      ...example.split(/(?<=[\s:,{}[\]])/),
      '&a ',
      '*a ',
      '!x ',
      '? ',
      '- ',
      '"',
      "'",
      '|\n',
      '#',
      '\t',
      '%YAML 1.1\n',
      '__proto__: ',
      'null ',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 60 }), (parts) => typeof parseCatalogueFile(parts.join(''), 'f').ok === 'boolean'),
      { numRuns: 150 },
    );
    const cut = fc.tuple(fc.nat(example.length), fc.nat(40), words);
    fc.assert(
      fc.property(
        cut,
        ([at, length, word]) => typeof parseCatalogueFile(example.slice(0, at) + word + example.slice(at + length), 'f').ok === 'boolean',
      ),
      { numRuns: 150 },
    );
  });

  it('a secret in a wrong place, without repeating it', () => {
    const canary = 'c4n4ry-s3cret';
    const places = example.split('\n').flatMap((line, index, lines) => {
      const value = line.lastIndexOf(': ');
      if (value < 0) return [];
      const changed = [
        `${line.slice(0, value)}: "${canary} ${canary}"`,
        `${line.slice(0, value)}: { x: "${canary} }`,
        `${line.slice(0, value)}: 'a' "${canary}"`,
      ];
      return changed.map((text) => lines.with(index, text).join('\n'));
    });
    expect(places.length).toBeGreaterThan(40);
    for (const text of places) expect(problemsOf(text).join('\n')).not.toContain(canary);
  });
});
