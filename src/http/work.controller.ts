import { Body, Controller, Get, HttpCode, Param, Post, Query, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import type { Administrator } from '../access/administrator.js';
import { Invalid, NotFound } from '../access/errors.js';
import { CursorInvalid } from '../attribution/entry-search.js';
import { timestamp } from '../oauth/clock.js';
import { workKinds, workStates, WorkStore, type OwedWork } from '../work/owed-work.js';
import { Retries, type ChangedWork } from '../work/retries.js';
import { AccessGuard, Allow, Caller } from './access.guard.js';
import { parseInput } from './problem.js';
import { storableText } from './storable-text.js';

const listQuery = z.strictObject({
  kind: z.enum(workKinds).optional(),
  state: z.enum(workStates).optional(),
  limit: z.coerce.number().int().min(1).max(1000).optional(),
  cursor: storableText(500).optional(),
});
const reason = storableText(1000);
const retryBody = z.strictObject({ reason: reason.nullish() });
const giveUpBody = z.strictObject({ reason });

/** What is still to be done, and what was given up (docs/operate.md). */
@Controller('v1/work')
@UseGuards(AccessGuard)
export class WorkController {
  constructor(
    private readonly work: WorkStore,
    private readonly retries: Retries,
  ) {}

  @Get()
  @Allow('auditor', 'admin')
  async list(@Query() query: unknown): Promise<{ work: Record<string, unknown>[]; next: string | null }> {
    try {
      const { work, next } = await this.work.list(parseInput(listQuery, query));
      return { work: work.map(printWork), next };
    } catch (error) {
      if (error instanceof CursorInvalid) throw new Invalid('cursor_invalid', error.message);
      throw error;
    }
  }

  @Post(':id/retry')
  @HttpCode(200)
  @Allow('admin')
  async retry(@Param('id') id: string, @Body() body: unknown, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const { reason: why } = parseInput(retryBody, body);
    const changed = await this.retries.retry(known(id), caller.name, why ?? null);
    caller.did('work.retried', id, changed.entry);
    return printChanged(changed);
  }

  @Post(':id/give-up')
  @HttpCode(200)
  @Allow('admin')
  async giveUp(@Param('id') id: string, @Body() body: unknown, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const { reason: why } = parseInput(giveUpBody, body);
    const changed = await this.retries.giveUp(known(id), caller.name, why);
    caller.did('work.given_up', id, changed.entry);
    return printChanged(changed);
  }
}

/** @throws NotFound */
function known(id: string): string {
  if (!/^(wrk|rot)[0-9a-z]{1,60}$/.test(id)) throw new NotFound('work_unknown', 'no work has an id like this');
  return id;
}

function printWork(work: OwedWork): Record<string, unknown> {
  const { id, kind, subject, state, attempts, run, workflow, client, resource } = work;
  return {
    ...{ id, kind, subject, state },
    since: timestamp(work.since),
    attempts,
    last_error: work.lastError,
    next_attempt_at: orNull(work.nextAttemptAt),
    given_up_at: orNull(work.givenUpAt),
    ...{ run, workflow, client, resource },
    lives_until: orNull(work.livesUntil),
  };
}

function printChanged({ work: { id, kind, subject }, state, entry }: ChangedWork): Record<string, unknown> {
  return { id, kind, subject, state, entry };
}

function orNull(time: number | null): string | null {
  return time === null ? null : timestamp(time);
}
