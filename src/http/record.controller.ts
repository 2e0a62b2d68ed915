import { Body, Controller, Get, HttpCode, Post, Query, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import { Invalid, NotFound } from '../access/errors.js';
import { entryTypes } from '../attribution/entry-log.js';
import { CursorInvalid, EntrySearch } from '../attribution/entry-search.js';
import { traceCandidates } from '../attribution/trace-candidates.js';
import { Tracing, type TraceQuery } from '../attribution/trace.js';
import { AccessGuard, Allow } from './access.guard.js';
import { parseInput } from './problem.js';
import { storableText } from './storable-text.js';
import { printTrace } from './trace-view.js';

const text = storableText(500);
const entriesQuery = z.strictObject({
  type: z.enum(entryTypes).optional(),
  workflow: text.optional(),
  run: text.optional(),
  since: z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time, as 2026-03-03T13:05:00Z' }).optional(),
  limit: z.coerce.number().int().min(1).max(1000).optional(),
  cursor: text.optional(),
});
const traceQuery = z
  .strictObject({
    token_sha256: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$|^[A-Za-z0-9_-]{43}$/, 'must be a SHA-256 in hex or base64url')
      .optional(),
    jti: text.optional(),
    entry: text.optional(),
    run: text.optional(),
    issuance: text.optional(),
    decision: text.optional(),
  })
  .refine((query) => Object.keys(query).length === 1, 'give exactly one of token_sha256, jti, entry, run, issuance, decision');
const traceBody = z.strictObject({ query: z.string().min(1).max(65_536) });

/** The record, for those who read it (EXAMPLES "Administration"). */
@Controller('v1')
@UseGuards(AccessGuard)
@Allow('auditor', 'admin')
export class RecordController {
  constructor(
    private readonly search: EntrySearch,
    private readonly tracing: Tracing,
  ) {}

  @Get('entries')
  async entries(@Query() query: unknown): Promise<{ entries: readonly unknown[]; next: string | null }> {
    const { since, ...filter } = parseInput(entriesQuery, withoutEmpty(query));
    try {
      return await this.search.find({ ...filter, ...(since === undefined ? {} : { since: Date.parse(since) }) });
    } catch (error) {
      if (error instanceof CursorInvalid) throw new Invalid('cursor_invalid', error.message);
      throw error;
    }
  }

  @Get('trace')
  async traceOne(@Query() query: unknown): Promise<Record<string, unknown>> {
    const [by, value] = Object.entries(parseInput(traceQuery, query))[0] ?? [];
    const queries: TraceQuery[] = [];
    if (by === 'token_sha256') queries.push({ by: 'tokenSha256', value: hexDigest(value ?? '') });
    else if (by === 'jti' || by === 'entry' || by === 'run' || by === 'issuance' || by === 'decision')
      queries.push({ by, value: value ?? '' });
    return this.#first(queries);
  }

  /** Takes whatever an auditor has; a token goes into the body and is hashed at once. */
  @Post('trace')
  @HttpCode(200)
  async traceAny(@Body() body: unknown): Promise<Record<string, unknown>> {
    return this.#first(traceCandidates(parseInput(traceBody, body).query));
  }

  async #first(queries: readonly TraceQuery[]): Promise<Record<string, unknown>> {
    for (const query of queries) {
      const trace = await this.tracing.trace(query);
      if (trace !== null) return printTrace(trace);
    }
    throw new NotFound('nothing_found', 'the record holds nothing of this');
  }
}

function hexDigest(text: string): string {
  return text.length === 64 ? text.toLowerCase() : Buffer.from(text, 'base64url').toString('hex');
}

/** `?type=&workflow=` asks for nothing in particular. */
function withoutEmpty(query: unknown): unknown {
  return typeof query === 'object' && query !== null
    ? Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''))
    : query;
}
