import { Controller, Get, Query, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import { ListExposure, type ListedToken } from '../issuance/list-exposure.js';
import { Clock, timestamp } from '../oauth/clock.js';
import type { LivePlace } from '../suspensions/exposure.js';
import { suspensionKinds } from '../suspensions/suspension.js';
import { AccessGuard, Allow } from './access.guard.js';
import { parseInput } from './problem.js';
import { storableText } from './storable-text.js';

const kinds = suspensionKinds.filter((kind) => kind !== 'everything');
const query = z
  .partialRecord(z.enum([...kinds, 'cursor']), storableText(200))
  .refine((given) => Object.keys(given).filter((name) => name !== 'cursor').length <= 1, `give at most one of ${kinds.join(', ')}`);
/** The end and the issuance of the last token of the page before. */
const place = z
  .string()
  .regex(/^\d{1,14}\.iss[0-9a-z]{1,60}$/, 'cursor: must be one that this list gave')
  .transform((cursor): LivePlace => {
    const [ends = '', issuance = ''] = cursor.split('.');
    return { expiresAt: Number(ends), issuance };
  });

const PAGE = 1000;

/** What is live at this moment and may still be used somewhere (DESIGN §4.2). */
@Controller('v1/exposure')
@UseGuards(AccessGuard)
export class ExposureController {
  constructor(
    private readonly exposure: ListExposure,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Allow('auditor', 'responder', 'admin')
  async list(@Query() given: unknown): Promise<Record<string, unknown>> {
    const { cursor, ...filter } = parseInput(query, given);
    const after = cursor === undefined ? undefined : parseInput(place, cursor);
    const kind = kinds.find((name) => filter[name] !== undefined);
    const aim = kind === undefined ? ({ kind: 'everything', target: null } as const) : { kind, target: filter[kind] ?? null };
    const { tokens, more } = await this.exposure.of(aim, PAGE, after);
    const last = more ? tokens.at(-1) : undefined;
    const next = last === undefined ? null : `${last.expiresAt}.${last.issuance}`;
    return { at: timestamp(this.clock.now()), tokens: tokens.map(printToken), next };
  }
}

function printToken(token: ListedToken): Record<string, unknown> {
  return {
    issuance: token.issuance,
    state: token.state,
    run: token.run,
    workflow: token.workflow,
    owner: token.owner,
    client: token.client,
    resource: token.resource,
    authorization_server: token.authorizationServer,
    isolation: token.isolation,
    expires_at: timestamp(token.expiresAt),
    revocation: token.revocation,
    revocable: token.revocable,
    binding: token.binding,
    audience: token.audience,
    released: token.released,
  };
}
