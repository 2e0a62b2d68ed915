import { Body, Controller, Delete, Get, Param, Post, Query, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import type { Administrator } from '../access/administrator.js';
import { NotFound } from '../access/errors.js';
import { printEpoch } from '../attribution/epoch.js';
import { FactsSource } from '../issuance/facts.js';
import { Suspend } from '../issuance/suspend.js';
import { Clock } from '../oauth/clock.js';
import { ExposureList } from '../suspensions/exposure.js';
import { PastSuspensions } from '../suspensions/past-suspensions.js';
import { isInForce } from '../suspensions/stops.js';
import { namesRuns, suspensionKinds, type SuspensionKind } from '../suspensions/suspension.js';
import { AccessGuard, Allow, Caller } from './access.guard.js';
import { parseInput } from './problem.js';
import { storableText } from './storable-text.js';
import { printExposed, printKnownSuspension, printSuspension } from './suspension-view.js';

const raiseBody = z.strictObject({
  kind: z.enum(suspensionKinds),
  id: storableText(200).nullish(),
  reason: storableText(1000),
  expires_at: z.iso.datetime({ offset: true }).nullish(),
});
const listQuery = z.strictObject({ all: z.enum(['true', 'false']).optional() });
const pageQuery = z.strictObject({
  cursor: z
    .string()
    .regex(/^iss[0-9a-z]{1,60}$/, 'must be a cursor of this list')
    .optional(),
});

/** Tokens on a page, and suspensions of the past that are listed. */
const PAGE = 1000;

/** The kill switch (EXAMPLES "Administration"). */
@Controller('v1/suspensions')
@UseGuards(AccessGuard)
export class SuspensionsController {
  constructor(
    private readonly suspend: Suspend,
    private readonly facts: FactsSource,
    private readonly past: PastSuspensions,
    private readonly exposure: ExposureList,
    private readonly clock: Clock,
  ) {}

  @Post()
  @Allow('responder', 'admin')
  async raise(@Body() body: unknown, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const wish = parseInput(raiseBody, body);
    const { kind, reason } = wish;
    const expiresAt = wish.expires_at ? Date.parse(wish.expires_at) : null;
    const { suspension, epoch, entry } = await this.suspend.raise({ kind, target: wish.id ?? null, reason, expiresAt }, caller.name);
    caller.did('suspension.raised', suspension.id, entry);
    const [covers, exposed] = await Promise.all([this.#covers(kind, suspension.target), this.#exposed(suspension.id, '')]);
    return { ...printSuspension({ ...suspension, liftedAt: null }), epoch: printEpoch(epoch), ...covers, ...exposed };
  }

  @Get()
  @Allow('responder', 'auditor', 'admin')
  async list(@Query() query: unknown): Promise<{ suspensions: Record<string, unknown>[] }> {
    if (parseInput(listQuery, query).all === 'true') return { suspensions: (await this.past.all(PAGE)).map(printKnownSuspension) };
    const { suspensions } = await this.facts.latest();
    return { suspensions: suspensions.filter((one) => isInForce(one, this.clock.now())).map(printSuspension) };
  }

  /** Also of one that is over: what became of each token that it exposed. */
  @Get(':id')
  @Allow('responder', 'auditor', 'admin')
  async read(@Param('id') id: string, @Query() query: unknown): Promise<Record<string, unknown>> {
    const { cursor } = parseInput(pageQuery, query);
    const suspension = /^sus[0-9a-z]{1,60}$/.test(id) ? await this.past.find(id) : null;
    if (suspension === null) throw new NotFound('suspension_unknown', 'there is no such suspension');
    return { ...printKnownSuspension(suspension), ...(await this.#exposed(id, cursor ?? '')) };
  }

  @Delete(':id')
  @Allow('responder', 'admin')
  async lift(@Param('id') id: string, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const { suspension, liftedAt, entry } = await this.suspend.lift(id, caller.name);
    caller.did('suspension.lifted', id, entry);
    return printSuspension({ ...suspension, liftedAt });
  }

  async #covers(kind: SuspensionKind, target: string | null): Promise<Record<string, unknown>> {
    return namesRuns(kind) ? { covers: { runs: await this.exposure.activeRuns(kind, target) } } : {};
  }

  async #exposed(suspension: string, after: string): Promise<Record<string, unknown>> {
    const { tokens, summary } = await this.exposure.ofSuspension(suspension, after, PAGE);
    return printExposed(summary, tokens, tokens.length < PAGE ? null : (tokens.at(-1)?.issuance ?? null));
  }
}
