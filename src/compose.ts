import { EntryMaker } from './attribution/entry.js';
import type { Settings } from './config/settings.js';
import { AuthorizationServerMetadata } from './http/authorization-server-metadata.js';
import { ActivatePolicy } from './issuance/activate-policy.js';
import { ApplyCatalogue } from './issuance/apply-catalogue.js';
import { ApproveMetadata } from './issuance/approve-metadata.js';
import { AuthenticateResourceServer } from './issuance/authenticate-resource-server.js';
import { BeginRotation } from './issuance/begin-rotation.js';
import { ChangeFacts } from './issuance/change-facts.js';
import { CheckClient } from './issuance/check-client.js';
import { Circuits } from './issuance/circuits.js';
import { CloseIntents } from './issuance/close-intents.js';
import { CredentialHealth } from './issuance/credential-health.js';
import { CurrentCredentials } from './issuance/current-credentials.js';
import { DecideRequest } from './issuance/decide-request.js';
import { Drill } from './issuance/drill.js';
import { Fulfil } from './issuance/fulfil.js';
import { IntrospectToken } from './issuance/introspect-token.js';
import { IssueToken } from './issuance/issue-token.js';
import { KeptTokens } from './issuance/kept-tokens.js';
import { LearnAudience } from './issuance/learn-audience.js';
import { LimitRequests } from './issuance/limit-requests.js';
import { ListExposure } from './issuance/list-exposure.js';
import { ManageKeys } from './issuance/manage-keys.js';
import { MintToken } from './issuance/mint-token.js';
import { ObserveWorld } from './issuance/observe-world.js';
import { unobserved } from './issuance/observer.js';
import { untraced } from './issuance/spans.js';
import { PinMetadata } from './issuance/pin-metadata.js';
import { ObtainToken } from './issuance/obtain-token.js';
import { ProveCredential } from './issuance/prove-credential.js';
import { Readiness } from './issuance/readiness.js';
import { RecentFailures } from './issuance/recent-failures.js';
import { RefreshMetadata } from './issuance/refresh-metadata.js';
import { RenewCredentials } from './issuance/renew-credentials.js';
import { RenewTokens } from './issuance/renew-tokens.js';
import { ReportRejectedToken } from './issuance/report-rejected-token.js';
import { RevokeDue } from './issuance/revoke-due.js';
import { RevokeGivenToken } from './issuance/revoke-given-token.js';
import { RevokeToken } from './issuance/revoke-token.js';
import { RotateCredentials } from './issuance/rotate-credentials.js';
import { Suspend } from './issuance/suspend.js';
import { TokenCache } from './issuance/token-cache.js';
import { newIdentifier } from './oauth/identifier.js';
import { Decide } from './policy/decide.js';
import { LocalTime } from './policy/local-time.js';
import { PreparePolicy } from './policy/prepare-policy.js';
import type { Platform } from './platform/platform.js';
import { DatabaseBehind } from './platform/postgres/last-seen.js';
import { WitnessedLog } from './platform/postgres/witnessed-log.js';
import { runPolicyTests } from './platform/policy-compiler/run-tests.js';
import { TracedLog } from './platform/tracing/traced-ports.js';
import { AuthenticateRun } from './runs/authenticate-run.js';
import { AuthenticateWorkload } from './runs/authenticate-workload.js';
import { CloseRuns } from './runs/close-runs.js';
import { EndRun } from './runs/end-run.js';
import { ExchangeAssertion } from './runs/exchange-assertion.js';
import { FailedAttempts } from './runs/failed-attempts.js';
import { RunDirectory } from './runs/run-directory.js';
import { unlimited } from './runs/start-limits.js';
import { StartRun } from './runs/start-run.js';
import { VerifyWorkload } from './runs/verify-workload.js';
import { IssuanceRows } from './store/issuance-rows.js';
import { SqlCounters } from './store/sql-counters.js';
import { SqlCredentials } from './store/sql-credentials.js';
import { SqlDecisionInputs } from './store/sql-decision-inputs.js';
import { SqlEntries } from './store/sql-entries.js';
import { SqlEntryLog } from './store/sql-entry-log.js';
import { SqlExposure } from './store/sql-exposure.js';
import { SqlFactChanges } from './store/sql-fact-changes.js';
import { SqlFacts } from './store/sql-facts.js';
import { SqlGivenTokens } from './store/sql-given-tokens.js';
import { SqlMetadataWatch } from './store/sql-metadata-watch.js';
import { SqlOwedWork } from './store/sql-owed-work.js';
import { SqlPolicySources } from './store/sql-policy-sources.js';
import { SqlReplayGuard } from './store/sql-replay-guard.js';
import { SqlRotations } from './store/sql-rotations.js';
import { SqlRuns } from './store/sql-runs.js';
import { SqlSuspensions } from './store/sql-suspensions.js';
import { SqlTracing } from './store/sql-trace.js';
import { IssuerKeyCache } from './upstreams/issuer-keys.js';
import { MetadataCache } from './upstreams/metadata-cache.js';
import { ProofsOfPossession } from './upstreams/proofs-of-possession.js';
import { SigningKeys } from './upstreams/signing-keys.js';
import { Retries } from './work/retries.js';

/** Every part of a running Corridor that something outside the composition needs. */
export type Corridor = ReturnType<typeof compose>;

/** Puts the parts together, each from its ports: the only place that knows all of them. */
export function compose(platform: Platform, settings: Settings, { observer = unobserved, spans = untraced } = {}) {
  const { database, clock, randomness, sealer, digestKey, http, references, shared } = platform;
  const notice = shared?.notice ?? null;
  const instance = newIdentifier('ins', clock.now(), randomness);
  const entries = new EntryMaker(instance, clock, randomness);
  const metadata = new AuthorizationServerMetadata(settings.publicUrl, settings.authorizationEndpoint);

  const sqlLog = new SqlEntryLog(database, undefined, undefined, observer);
  const record = platform.lastSeen === null ? sqlLog : new WitnessedLog(sqlLog, platform.lastSeen);
  const log = spans === untraced ? record : new TracedLog(record, spans);
  const facts = new SqlFacts(database);
  const runStore = new SqlRuns(database, notice, platform.lastSeen);
  const runs = new RunDirectory(runStore);
  const versions = new SqlCredentials(database, sealer);
  const credentials = new CurrentCredentials(versions, facts);
  const issuances = new IssuanceRows(database, notice);
  const exposure = new SqlExposure(database);
  const changeFacts = new ChangeFacts(facts, new SqlFactChanges(database, notice, platform.lastSeen), clock, randomness);

  const work = new SqlOwedWork(database);
  const retries = new Retries(work, facts, log, entries, platform.faultLog);

  const signing = { clock, randomness, keys: new SigningKeys(), proofs: new ProofsOfPossession(clock, randomness) };
  const servers = new MetadataCache(http, clock, new PinMetadata(facts, changeFacts, entries));
  const metadataWatch = new SqlMetadataWatch(database);
  const search = new SqlEntries(database);
  const besideTokens = new Circuits(clock, randomness);
  const revokeToken = new RevokeToken(http, signing, besideTokens);
  const learnAudience = new LearnAudience(http, signing, besideTokens);
  const mintToken = new MintToken(http, signing, sealer, revokeToken, learnAudience, issuances, log, entries, clock, randomness, instance);
  const keptTokens = new KeptTokens(issuances, sealer, platform.embedded, shared?.tokens);
  const tokenCache = new TokenCache(randomness, shared?.tokens);
  const circuits = new Circuits(clock, randomness);
  const obtainToken = new ObtainToken(
    credentials,
    servers,
    tokenCache,
    keptTokens,
    new RecentFailures(clock, randomness),
    circuits,
    mintToken,
    platform.faultLog,
    clock,
    signing.proofs,
    shared?.flights,
  );
  const fulfil = new Fulfil(tokenCache, obtainToken, log, entries, platform.faultLog, clock);

  const decide = new Decide(platform.evaluator, clock, randomness);
  const decideRequest = new DecideRequest(decide, credentials, new SqlCounters(database), sealer, new LocalTime(), clock, randomness);
  const failedAttempts = new FailedAttempts(clock);
  const replayGuard = new SqlReplayGuard(database);
  const limits = new LimitRequests(runs, log, entries, clock, randomness);
  const startRun = new StartRun(facts, runStore, runs, entries, clock, randomness, limits);
  const startOwnRun = new StartRun(facts, runStore, runs, entries, clock, randomness, unlimited);
  const workloads = new VerifyWorkload(metadata.issuer, facts, new IssuerKeyCache(http, clock), replayGuard, clock);
  const authenticateWorkload = new AuthenticateWorkload(workloads, runs, startRun);
  const authenticateRun = new AuthenticateRun(
    metadata.issuer,
    runs,
    replayGuard,
    failedAttempts,
    platform.securityLog,
    clock,
    workloads,
    authenticateWorkload,
  );
  const prepare = new PreparePolicy(
    platform.compiler,
    platform.compilerDigest,
    (source) => runPolicyTests(platform.compiler, source),
    platform.moduleCache,
    platform.evaluator,
  );
  const activatePolicy = new ActivatePolicy(prepare, facts, new SqlPolicySources(database), changeFacts, entries, platform.securityLog);
  const revokeDue = new RevokeDue(
    facts,
    issuances,
    credentials,
    servers,
    revokeToken,
    sealer,
    log,
    entries,
    retries,
    platform.faultLog,
    clock,
  );
  const givenTokens = new SqlGivenTokens(database, notice);
  const authenticateResourceServer = new AuthenticateResourceServer(facts, failedAttempts, platform.securityLog);
  const renewCredentials = new RenewCredentials(changeFacts, versions, references, digestKey, sealer, entries, clock, randomness);
  const rotations = new SqlRotations(database, notice);
  const beginRotation = new BeginRotation(
    facts,
    changeFacts,
    rotations,
    versions,
    references,
    digestKey,
    sealer,
    entries,
    clock,
    randomness,
  );
  const proveCredential = new ProveCredential(facts, versions, servers, http, signing, sealer, log, entries, clock, randomness, instance);
  const rotateCredentials = new RotateCredentials(
    changeFacts,
    rotations,
    versions,
    versions,
    proveCredential,
    entries,
    platform.faultLog,
    retries,
  );
  const endRun = new EndRun(facts, runStore, runs, entries);
  const pastSuspensions = new SqlSuspensions(database);
  const observeWorld = new ObserveWorld(facts, metadataWatch, search, work, renewCredentials);
  const isBehind = (error: unknown): boolean => error instanceof DatabaseBehind;
  const suspend = new Suspend(changeFacts, runs, runStore, exposure, entries, clock, randomness, platform.faultLog);

  return {
    clock,
    entries,
    entryLog: log,
    facts,
    failedAttempts,
    metadata,
    metadataWatch,
    notice,
    approveMetadata: new ApproveMetadata(changeFacts, metadataWatch, entries),
    refreshMetadata: new RefreshMetadata(facts, changeFacts, metadataWatch, http, entries, clock),
    observeWorld,
    credentialHealth: new CredentialHealth(facts, versions, rotations, observeWorld, search, clock),
    readiness: new Readiness({ facts, policy: settings.role === 'worker' ? null : activatePolicy, drift: platform.clockDrift, isBehind }),
    replayGuard,
    runs,
    versions,
    instance,
    circuits,
    keptTokens,
    faultLog: platform.faultLog,
    http,
    references,
    securityLog: platform.securityLog,
    search,
    tracing: new SqlTracing(database),
    activatePolicy,
    applyCatalogue: new ApplyCatalogue(facts, changeFacts, renewCredentials, references, entries, clock, randomness),
    decisionInputs: new SqlDecisionInputs(database),
    changeFacts,
    checkClient: new CheckClient(
      facts,
      activatePolicy,
      startOwnRun,
      endRun,
      runs,
      decideRequest,
      obtainToken,
      mintToken,
      givenTokens,
      revokeDue,
      log,
      entries,
      clock,
    ),
    closeIntents: new CloseIntents(facts, issuances, log, entries, retries),
    endRun,
    closeRuns: new CloseRuns(runStore, endRun, retries),
    introspectToken: new IntrospectToken(authenticateRun, authenticateResourceServer, givenTokens, facts, runs, clock),
    issueToken: new IssueToken(
      authenticateRun,
      runs,
      facts,
      activatePolicy,
      limits,
      decideRequest,
      fulfil,
      log,
      entries,
      clock,
      observer,
      spans,
    ),
    manageKeys: new ManageKeys(changeFacts, entries, clock, randomness),
    beginRotation,
    renewCredentials,
    renewTokens: new RenewTokens(
      tokenCache,
      obtainToken,
      runs,
      facts,
      activatePolicy,
      decideRequest,
      log,
      entries,
      platform.faultLog,
      clock,
      observer,
    ),
    retries,
    rotateCredentials,
    rotations,
    revokeDue,
    revokeGivenToken: new RevokeGivenToken(authenticateRun, givenTokens, tokenCache, facts, revokeDue, platform.securityLog),
    reportRejectedToken: new ReportRejectedToken(authenticateRun, givenTokens, tokenCache, facts, log, entries, clock),
    startRun,
    exchangeAssertion: new ExchangeAssertion(workloads, startRun, failedAttempts, platform.securityLog),
    exposure,
    listExposure: new ListExposure(facts, exposure, runs, runStore, servers),
    pastSuspensions,
    suspend,
    drill: new Drill(facts, startOwnRun, endRun, runs, suspend, pastSuspensions, log, entries),
    work,
  };
}
