import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Body, Controller, Get, Headers, HttpCode, Ip, Param, Post, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Administrator } from '../access/administrator.js';
import type { Role } from '../access/api-key.js';
import { Invalid, NotAllowed, NotFound } from '../access/errors.js';
import { timestamp } from '../oauth/clock.js';
import { EndRun } from '../runs/end-run.js';
import { ExchangeAssertion } from '../runs/exchange-assertion.js';
import { RunDirectory } from '../runs/run-directory.js';
import type { Attested, Run } from '../runs/run.js';
import { StartRun, type RepeatOf, type RunStarted } from '../runs/start-run.js';
import type { VerifiedWorkload } from '../runs/verify-workload.js';
import { AccessGuard, Allow, AllowWorkload, Caller, Starter } from './access.guard.js';
import { AuthorizationServerMetadata } from './authorization-server-metadata.js';
import { parseInput } from './problem.js';
import { storableText } from './storable-text.js';

const label = storableText(200);
const startBody = z.strictObject({
  workflow: label,
  purpose: label,
  operator: label.nullish(),
  agent: z
    .strictObject({ name: label, version: label.default('unknown'), model: label.default('none') })
    .default({ name: 'unnamed', version: 'unknown', model: 'none' }),
  ttl: z.int().min(1).max(31_536_000).nullish(),
  parent: label.nullish(),
  public_key: z.record(z.string(), z.unknown()).optional(),
});
/** Beside a workload assertion: nothing need be said, and what is said cannot differ from what was signed. */
const exchangeBody = startBody.extend({
  workflow: label.optional(),
  purpose: label.optional(),
  agent: z.strictObject({ name: label.optional(), version: label.optional(), model: label.optional() }).optional(),
});
const RUN_ID = /^run[0-9a-z]{1,60}$/;
const idempotencyKey = /^[\x21-\x7e]{1,200}$/;

/** Runs: started, read and ended by the runtime that they belong to. */
@Controller('v1/runs')
@UseGuards(AccessGuard)
export class RunsController {
  constructor(
    private readonly startRun: StartRun,
    private readonly endRun: EndRun,
    private readonly runs: RunDirectory,
    private readonly metadata: AuthorizationServerMetadata,
    private readonly exchange: ExchangeAssertion,
  ) {}

  @Post()
  @Allow('runtime', 'admin')
  @AllowWorkload()
  async start(
    @Body() body: unknown,
    @Headers('idempotency-key') repeatKey: string | undefined,
    @Starter() starter: Administrator | VerifiedWorkload,
    @Ip() address: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Record<string, unknown>> {
    const repeatOf = repeatOfKey(repeatKey, body);
    const started =
      'assertion' in starter ? await this.#exchanged(starter, body, repeatOf, address) : await this.#started(starter, body, repeatOf);
    void reply.headers({ location: `/v1/runs/${started.id}`, 'cache-control': 'no-store' });
    return {
      id: started.id,
      client_id: started.id,
      ...(started.secret === null ? {} : { client_secret: started.secret.reveal() }),
      token_endpoint_auth_method: started.secret === null ? 'private_key_jwt' : 'client_secret_basic',
      issuer: this.metadata.issuer,
      token_endpoint: this.metadata.tokenEndpoint,
      expires_at: timestamp(started.expiresAt),
    };
  }

  async #exchanged(verified: VerifiedWorkload, body: unknown, repeatOf: RepeatOf | null, address: string): Promise<RunStarted> {
    const { public_key: publicKey, ttl, parent, operator, ...said } = parseInput(exchangeBody, body);
    const narrowing = { ...said, publicKey, ttl: ttl ?? null, parent: parent ?? null };
    return this.exchange.start(verified, { ...narrowing, ...(operator == null ? {} : { operator }) }, repeatOf, address);
  }

  async #started(caller: Administrator, body: unknown, repeatOf: RepeatOf | null): Promise<RunStarted> {
    if (caller.runtime === null) throw new NotAllowed('no_runtime', 'this key belongs to no runtime: use one made with --runtime');
    const { public_key: publicKey, ...wish } = parseInput(startBody, body);
    return this.startRun.start(
      caller.runtime,
      { ...wish, operator: wish.operator ?? null, ttl: wish.ttl ?? null, parent: wish.parent ?? null, publicKey },
      repeatOf,
    );
  }

  @Get(':id')
  @Allow('runtime', 'auditor', 'responder', 'admin')
  async read(@Param('id') id: string, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    return printRun(await this.#visible(id, caller, ['auditor', 'responder', 'admin']));
  }

  @Post(':id/end')
  @HttpCode(200)
  @Allow('runtime', 'responder', 'admin')
  @AllowWorkload()
  async end(
    @Param('id') id: string,
    @Starter() ender: Administrator | VerifiedWorkload,
    @Ip() address: string,
  ): Promise<Record<string, unknown>> {
    const run = 'assertion' in ender ? await this.#attestedBy(id, ender, address) : await this.#visible(id, ender, ['responder', 'admin']);
    const { endedAt, withdrawn, entry } = await this.endRun.end(run, 'assertion' in ender ? `runtime ${ender.runtime}` : ender.name);
    // a runtime that ends its own run administers nothing
    if (!('assertion' in ender) && ender.runtime !== run.runtime) ender.did('run.ended', id, entry);
    return { ...printRun(run), ended_at: timestamp(endedAt), withdrawn };
  }

  /** A workload ends its own run, of which its assertion attests all that the first one did. */
  async #attestedBy(id: string, workload: VerifiedWorkload, address: string): Promise<Run> {
    const run = RUN_ID.test(id) ? await this.runs.reload(id) : null;
    if (run === null || run.runtime !== workload.runtime || !isDeepStrictEqual(run.attested, workload.attested))
      throw new NotFound('run_unknown', 'there is no such run');
    await this.exchange.spend(workload, address);
    return run;
  }

  /** A runtime reaches its own runs; those of others by one of these roles alone. The same answer hides whether another exists. */
  async #visible(id: string, caller: Administrator, forAll: readonly Role[]): Promise<Run> {
    const run = RUN_ID.test(id) ? await this.runs.reload(id) : null;
    const isReached = run?.runtime === caller.runtime || caller.roles.some((role) => forAll.includes(role));
    if (run === null || !isReached) throw new NotFound('run_unknown', 'there is no such run');
    return run;
  }
}

/** @throws Invalid */
function repeatOfKey(key: string | undefined, body: unknown): RepeatOf | null {
  if (key === undefined) return null;
  if (!idempotencyKey.test(key)) throw new Invalid('malformed', 'Idempotency-Key must be 1 to 200 visible characters');
  return {
    key,
    body: createHash('sha256')
      .update(JSON.stringify(body ?? null))
      .digest('hex'),
  };
}

function printRun(run: Run): Record<string, unknown> {
  return {
    id: run.id,
    client_id: run.id,
    token_endpoint_auth_method: run.credential.method === 'client_secret' ? 'client_secret_basic' : 'private_key_jwt',
    runtime: run.runtime,
    workflow: run.workflow,
    purpose: run.purpose,
    ...(run.operator === null ? {} : { operator: run.operator.name }),
    agent: run.agent,
    ...(run.ancestors[0] === undefined ? {} : { parent: run.ancestors[0] }),
    ancestors: run.ancestors,
    started_at: timestamp(run.startedAt),
    expires_at: timestamp(run.expiresAt),
    ...(run.endedAt === null ? {} : { ended_at: timestamp(run.endedAt) }),
    ...(run.attested === undefined ? {} : { attested: printAttested(run.attested) }),
  };
}

/** What was signed, and where to look on the platform's side. */
function printAttested({ issuer, runId, claims }: Attested): Record<string, unknown> {
  return { issuer, run_id: runId, claims };
}
