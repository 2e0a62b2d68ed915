-- CreateTable
CREATE TABLE "facts" (
    "only" BOOLEAN NOT NULL DEFAULT true,
    "incarnation" TEXT NOT NULL,
    "number" BIGINT NOT NULL,
    "earlier" TEXT[] DEFAULT ARRAY[]::TEXT[],

    CONSTRAINT "facts_pkey" PRIMARY KEY ("only"),
    CONSTRAINT "facts_only_one" CHECK ("only")
);

-- CreateTable
CREATE TABLE "catalogue_revision" (
    "id" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "catalogue" JSONB NOT NULL,
    "source" TEXT NOT NULL,
    "applied_by" TEXT NOT NULL,
    "applied_at" TIMESTAMPTZ(3) NOT NULL,
    "active" BOOLEAN NOT NULL,

    CONSTRAINT "catalogue_revision_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "policy_revision" (
    "digest" TEXT NOT NULL,
    "source" JSONB NOT NULL,
    "activated_by" TEXT NOT NULL,
    "activated_at" TIMESTAMPTZ(3) NOT NULL,
    "active" BOOLEAN NOT NULL,

    CONSTRAINT "policy_revision_pkey" PRIMARY KEY ("digest")
);

-- CreateTable
CREATE TABLE "api_key" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "roles" TEXT[],
    "runtime" TEXT,
    "resource" TEXT,
    "sha256" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "suspension" (
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "target" TEXT,
    "reason" TEXT NOT NULL,
    "raised_by" TEXT NOT NULL,
    "raised_at" TIMESTAMPTZ(3) NOT NULL,
    "epoch" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "lifted_by" TEXT,
    "lifted_at" TIMESTAMPTZ(3),
    "unfinished" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "suspension_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "suspension_exposure" (
    "suspension" TEXT NOT NULL,
    "issuance" TEXT NOT NULL,

    CONSTRAINT "suspension_exposure_pkey" PRIMARY KEY ("suspension","issuance")
);

-- CreateTable
CREATE TABLE "person" (
    "commitment" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "salt" BYTEA NOT NULL,

    CONSTRAINT "person_pkey" PRIMARY KEY ("commitment")
);

-- CreateTable
CREATE TABLE "run" (
    "id" TEXT NOT NULL,
    "runtime" TEXT NOT NULL,
    "workflow" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "operator" TEXT,
    "agent" JSONB NOT NULL,
    "lineage" TEXT[],
    "credential" JSONB NOT NULL,
    "credential_id" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "idempotency_key" TEXT,
    "idempotency_body" TEXT,
    "platform_run" TEXT,
    "attested" JSONB,

    CONSTRAINT "run_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "assertion_seen" (
    "sha256" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "bound_to" TEXT,
    "seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "assertion_seen_pkey" PRIMARY KEY ("sha256")
);

-- CreateTable
CREATE TABLE "counter" (
    "key" TEXT NOT NULL,
    "version" BIGINT NOT NULL,
    "tokens" BIGINT NOT NULL,

    CONSTRAINT "counter_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "issuance" (
    "id" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "run" TEXT,
    "workflow" TEXT,
    "client" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "authorization_server" TEXT NOT NULL,
    "resource" TEXT NOT NULL,
    "scope" TEXT[],
    "credential" TEXT NOT NULL,
    "cache_key" TEXT NOT NULL,
    "isolation" TEXT NOT NULL,
    "assertion_jti" TEXT,
    "counters" TEXT[],
    "instance" TEXT NOT NULL,
    "opened_at" TIMESTAMPTZ(3) NOT NULL,
    "deadline" TIMESTAMPTZ(3) NOT NULL,
    "exposed_until" TIMESTAMPTZ(3) NOT NULL,
    "closed_at" TIMESTAMPTZ(3),
    "token_sha256" TEXT,
    "token_jti" TEXT,
    "sealed" BYTEA,
    "issued_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3),
    "served_until" TIMESTAMPTZ(3),
    "granted" TEXT[],
    "granted_details" TEXT,
    "audience" TEXT[],
    "audience_verified" BOOLEAN NOT NULL DEFAULT false,
    "binding" TEXT,
    "revocation" TEXT,

    CONSTRAINT "issuance_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "entry" (
    "number" BIGSERIAL NOT NULL,
    "id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,
    "run" TEXT,
    "workflow" TEXT,
    "client" TEXT,
    "resource" TEXT,
    "owner" TEXT,
    "issuance" TEXT,
    "decision" TEXT,
    "token_sha256" TEXT,
    "token_jti" TEXT,
    "bytes" BYTEA NOT NULL,

    CONSTRAINT "entry_pkey" PRIMARY KEY ("number")
);

-- CreateTable
CREATE TABLE "decision_input" (
    "sha256" TEXT NOT NULL,
    "sealed" BYTEA NOT NULL,
    "stored_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "decision_input_pkey" PRIMARY KEY ("sha256")
);

-- CreateTable
CREATE TABLE "credential" (
    "id" TEXT NOT NULL,
    "client" TEXT NOT NULL,
    "method" TEXT NOT NULL,
    "issuer" TEXT NOT NULL,
    "token_endpoint_origin" TEXT,
    "public_key" JSONB,
    "sealed" BYTEA,
    "keyed_digest" TEXT,
    "state" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "retired_at" TIMESTAMPTZ(3),

    CONSTRAINT "credential_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "rotation" (
    "id" TEXT NOT NULL,
    "client" TEXT NOT NULL,
    "credential" TEXT NOT NULL,
    "replaces" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "begun_by" TEXT NOT NULL,
    "begun_at" TIMESTAMPTZ(3) NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "deadline" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "last_attempt_at" TIMESTAMPTZ(3),
    "fault" TEXT,
    "given_up_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "rotation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "work" (
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "last_error" TEXT,
    "given_up_at" TIMESTAMPTZ(3),
    "done_at" TIMESTAMPTZ(3),

    CONSTRAINT "work_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "server_metadata" (
    "authorization_server" TEXT NOT NULL,
    "issuer" TEXT NOT NULL,
    "location" TEXT NOT NULL,
    "document" JSONB NOT NULL,
    "digest" TEXT NOT NULL,
    "pinned_at" TIMESTAMPTZ(3) NOT NULL,
    "approved_by" TEXT,
    "read_at" TIMESTAMPTZ(3) NOT NULL,
    "tried_at" TIMESTAMPTZ(3) NOT NULL,
    "fault" TEXT,
    "offered" JSONB,
    "offered_location" TEXT,
    "offered_digest" TEXT,
    "offered_since" TIMESTAMPTZ(3),

    CONSTRAINT "server_metadata_pkey" PRIMARY KEY ("authorization_server","issuer")
);

-- CreateIndex
CREATE UNIQUE INDEX "api_key_sha256_key" ON "api_key"("sha256");

-- CreateIndex
CREATE UNIQUE INDEX "person_name_key" ON "person"("name");

-- CreateIndex
CREATE UNIQUE INDEX "run_idempotency_key_key" ON "run"("idempotency_key");

-- CreateIndex
CREATE UNIQUE INDEX "run_platform_run_key" ON "run"("platform_run");

-- CreateIndex
CREATE INDEX "run_lineage_idx" ON "run" USING GIN ("lineage");

-- CreateIndex
-- Partial: runs that have not ended are few, those that have are nearly all.
CREATE INDEX "run_expires_at_idx" ON "run"("expires_at") WHERE "ended_at" IS NULL;

-- CreateIndex
CREATE INDEX "assertion_seen_expires_at_idx" ON "assertion_seen"("expires_at");

-- CreateIndex
-- Partial, as are nearly all of this table, and that on due_at: what is open, kept or due is little, what was is nearly everything.
-- (The schema cannot say so, and the drift check does not mind.)
CREATE INDEX "issuance_deadline_idx" ON "issuance"("deadline") WHERE "state" = 'open';

-- CreateIndex
CREATE INDEX "issuance_exposed_until_idx" ON "issuance"("exposed_until") WHERE "state" IN ('open', 'unknown');

-- CreateIndex
CREATE INDEX "issuance_expires_at_idx" ON "issuance"("expires_at") WHERE "sealed" IS NOT NULL;

-- CreateIndex
CREATE INDEX "issuance_run_idx" ON "issuance"("run");

-- CreateIndex
CREATE INDEX "issuance_cache_key_idx" ON "issuance"("cache_key") WHERE "sealed" IS NOT NULL AND "revocation" IS NULL;

-- CreateIndex
CREATE INDEX "issuance_token_sha256_idx" ON "issuance"("token_sha256") WHERE "token_sha256" IS NOT NULL;

-- CreateIndex
CREATE INDEX "issuance_token_jti_idx" ON "issuance" USING HASH ("token_jti");

-- CreateIndex
CREATE INDEX "issuance_served_until_idx" ON "issuance"("served_until") WHERE "sealed" IS NOT NULL AND "revocation" IS NULL;

-- CreateIndex
CREATE UNIQUE INDEX "entry_id_key" ON "entry"("id");

-- CreateIndex
CREATE INDEX "entry_run_number_idx" ON "entry"("run", "number");

-- CreateIndex
CREATE INDEX "entry_workflow_number_idx" ON "entry"("workflow", "number");

-- CreateIndex
CREATE INDEX "entry_issuance_idx" ON "entry"("issuance");

-- CreateIndex
-- Partial: what is issued, released and revoked is found by its issuance, which has the hash too. A hash is anywhere in its index, so
-- each token would cost a flush one more page that lies in no cache and is written whole to the journal.
CREATE INDEX "entry_token_sha256_idx" ON "entry"("token_sha256")
  WHERE "token_sha256" IS NOT NULL AND "type" NOT IN ('token.issued', 'token.released', 'token.revoked');

-- CreateIndex
CREATE INDEX "entry_type_number_idx" ON "entry"("type", "number");

-- CreateIndex
CREATE INDEX "entry_recorded_at_idx" ON "entry"("recorded_at");

-- CreateIndex
CREATE INDEX "decision_input_stored_at_idx" ON "decision_input"("stored_at");

-- CreateIndex
CREATE INDEX "credential_client_idx" ON "credential"("client");

-- CreateIndex
CREATE INDEX "rotation_client_begun_at_idx" ON "rotation"("client", "begun_at");

-- CreateIndex
-- Partial: few are under way, and of each client one at most.
CREATE UNIQUE INDEX "rotation_client_key" ON "rotation"("client") WHERE "ended_at" IS NULL;

-- CreateIndex
CREATE INDEX "work_kind_due_at_idx" ON "work"("kind", "due_at") WHERE "done_at" IS NULL AND "given_up_at" IS NULL;

-- CreateIndex
CREATE INDEX "work_created_at_kind_subject_idx" ON "work"("created_at", "kind", "subject") WHERE "done_at" IS NULL;

-- CreateIndex
CREATE UNIQUE INDEX "work_kind_subject_key" ON "work"("kind", "subject");
