import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { FaultLog } from './access/fault-log.js';
import { SecurityLog } from './access/security-log.js';
import { EntryLog } from './attribution/entry-log.js';
import { EntrySearch } from './attribution/entry-search.js';
import { Tracing } from './attribution/trace.js';
import type { Corridor } from './compose.js';
import type { Role } from './config/readers.js';
import { Rotations } from './credentials/rotation.js';
import { SecretReferences } from './credentials/secret-references.js';
import { CredentialVersions } from './credentials/sealed-credential.js';
import { AccessGuard } from './http/access.guard.js';
import { AuthorizationServerMetadata } from './http/authorization-server-metadata.js';
import { AuthorizationServersController } from './http/authorization-servers.controller.js';
import { CatalogueController } from './http/catalogue.controller.js';
import { ClientAdministrationController } from './http/client-administration.controller.js';
import { ClientChecksController } from './http/client-checks.controller.js';
import { ClientsController } from './http/clients.controller.js';
import { DrillsController } from './http/drills.controller.js';
import { ExposureController } from './http/exposure.controller.js';
import { HealthController } from './http/health.controller.js';
import { IntrospectionController } from './http/introspection.controller.js';
import { KeysController } from './http/keys.controller.js';
import { MetadataController } from './http/metadata.controller.js';
import { RecordController } from './http/record.controller.js';
import { RejectedTokensController } from './http/rejected-tokens.controller.js';
import { RevocationController } from './http/revocation.controller.js';
import { RunsController } from './http/runs.controller.js';
import { SuspensionsController } from './http/suspensions.controller.js';
import { TokenController } from './http/token.controller.js';
import { UpstreamPreviewController } from './http/upstream-preview.controller.js';
import { WorkController } from './http/work.controller.js';
import { ApplyCatalogue } from './issuance/apply-catalogue.js';
import { ApproveMetadata } from './issuance/approve-metadata.js';
import { BeginRotation } from './issuance/begin-rotation.js';
import { CheckClient } from './issuance/check-client.js';
import { CredentialHealth } from './issuance/credential-health.js';
import { Drill } from './issuance/drill.js';
import { FactsSource } from './issuance/facts.js';
import { IntrospectToken } from './issuance/introspect-token.js';
import { IssueToken } from './issuance/issue-token.js';
import { ListExposure } from './issuance/list-exposure.js';
import { ManageKeys } from './issuance/manage-keys.js';
import { ObserveWorld } from './issuance/observe-world.js';
import { Readiness } from './issuance/readiness.js';
import { RefreshMetadata } from './issuance/refresh-metadata.js';
import { ReportRejectedToken } from './issuance/report-rejected-token.js';
import { RevokeGivenToken } from './issuance/revoke-given-token.js';
import { RotateCredentials } from './issuance/rotate-credentials.js';
import { Suspend } from './issuance/suspend.js';
import { Clock } from './oauth/clock.js';
import { EndRun } from './runs/end-run.js';
import { ExchangeAssertion } from './runs/exchange-assertion.js';
import { FailedAttempts } from './runs/failed-attempts.js';
import { RunDirectory } from './runs/run-directory.js';
import { StartRun } from './runs/start-run.js';
import { ExposureList } from './suspensions/exposure.js';
import { PastSuspensions } from './suspensions/past-suspensions.js';
import { MetadataWatch } from './upstreams/metadata-watch.js';
import { UpstreamHttp } from './upstreams/upstream-http.js';
import { WorkStore } from './work/owed-work.js';
import { Retries } from './work/retries.js';

/** What a worker answers: it is asked for its health alone. */
const answeredByWorkers: readonly unknown[] = [HealthController];

@Module({})
export class AppModule {
  static of(corridor: Corridor, role: Role): DynamicModule {
    const { controllers = [], ...rest } = AppModule.whole(corridor);
    return { ...rest, controllers: role === 'worker' ? controllers.filter((one) => answeredByWorkers.includes(one)) : controllers };
  }

  static whole(corridor: Corridor): DynamicModule {
    const providers: Provider[] = [
      AccessGuard,
      { provide: ApplyCatalogue, useValue: corridor.applyCatalogue },
      { provide: ApproveMetadata, useValue: corridor.approveMetadata },
      { provide: AuthorizationServerMetadata, useValue: corridor.metadata },
      { provide: BeginRotation, useValue: corridor.beginRotation },
      { provide: CheckClient, useValue: corridor.checkClient },
      { provide: Clock, useValue: corridor.clock },
      { provide: CredentialHealth, useValue: corridor.credentialHealth },
      { provide: CredentialVersions, useValue: corridor.versions },
      { provide: Drill, useValue: corridor.drill },
      { provide: EndRun, useValue: corridor.endRun },
      { provide: EntryLog, useValue: corridor.entryLog },
      { provide: EntrySearch, useValue: corridor.search },
      { provide: ExposureList, useValue: corridor.exposure },
      { provide: ExchangeAssertion, useValue: corridor.exchangeAssertion },
      { provide: FactsSource, useValue: corridor.facts },
      { provide: FailedAttempts, useValue: corridor.failedAttempts },
      { provide: FaultLog, useValue: corridor.faultLog },
      { provide: IntrospectToken, useValue: corridor.introspectToken },
      { provide: IssueToken, useValue: corridor.issueToken },
      { provide: ListExposure, useValue: corridor.listExposure },
      { provide: ManageKeys, useValue: corridor.manageKeys },
      { provide: MetadataWatch, useValue: corridor.metadataWatch },
      { provide: ObserveWorld, useValue: corridor.observeWorld },
      { provide: PastSuspensions, useValue: corridor.pastSuspensions },
      { provide: Readiness, useValue: corridor.readiness },
      { provide: RefreshMetadata, useValue: corridor.refreshMetadata },
      { provide: ReportRejectedToken, useValue: corridor.reportRejectedToken },
      { provide: Retries, useValue: corridor.retries },
      { provide: RevokeGivenToken, useValue: corridor.revokeGivenToken },
      { provide: RotateCredentials, useValue: corridor.rotateCredentials },
      { provide: Rotations, useValue: corridor.rotations },
      { provide: RunDirectory, useValue: corridor.runs },
      { provide: SecretReferences, useValue: corridor.references },
      { provide: SecurityLog, useValue: corridor.securityLog },
      { provide: StartRun, useValue: corridor.startRun },
      { provide: Suspend, useValue: corridor.suspend },
      { provide: Tracing, useValue: corridor.tracing },
      { provide: UpstreamHttp, useValue: corridor.http },
      { provide: WorkStore, useValue: corridor.work },
    ];
    return {
      module: AppModule,
      providers,
      controllers: [
        AuthorizationServersController,
        CatalogueController,
        ClientAdministrationController,
        ClientChecksController,
        ClientsController,
        DrillsController,
        ExposureController,
        HealthController,
        IntrospectionController,
        KeysController,
        MetadataController,
        RecordController,
        RejectedTokensController,
        RevocationController,
        RunsController,
        SuspensionsController,
        TokenController,
        UpstreamPreviewController,
        WorkController,
      ],
    };
  }
}
