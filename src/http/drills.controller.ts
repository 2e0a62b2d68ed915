import { Body, Controller, HttpCode, Param, Post, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Administrator } from '../access/administrator.js';
import { NotFound } from '../access/errors.js';
import { Drill } from '../issuance/drill.js';
import { timestamp } from '../oauth/clock.js';
import { AccessGuard, Allow, Caller } from './access.guard.js';
import { parseInput } from './problem.js';
import { storableText } from './storable-text.js';

const startBody = z.strictObject({ workflow: storableText(200).nullable() });
const milliseconds = z.number().min(0).max(600_000);
const resultBody = z.strictObject({
  suspension: z.string().regex(/^sus[0-9a-z]{1,60}$/, 'must be the id of a suspension'),
  acknowledged_ms: milliseconds,
  replicas: z
    .array(
      z
        .strictObject({ url: storableText(500), refused_ms: milliseconds.nullable(), let_through: z.int().min(0).max(100_000) })
        .transform(({ url, refused_ms: refused, let_through: letThrough }) => ({ url, refused, letThrough })),
    )
    .min(1)
    .max(50),
});

/** Drills of the stop: whoever measures starts one, suspends its run, and reports. */
@Controller('v1/drills')
@UseGuards(AccessGuard)
export class DrillsController {
  constructor(private readonly drill: Drill) {}

  @Post()
  @Allow('responder', 'admin')
  async start(@Body() body: unknown, @Res({ passthrough: true }) reply: FastifyReply): Promise<Record<string, unknown>> {
    const started = await this.drill.start(parseInput(startBody, body).workflow);
    void reply.header('cache-control', 'no-store');
    return {
      run: started.id,
      workflow: started.workflow,
      client_id: started.id,
      client_secret: started.secret?.reveal(),
      expires_at: timestamp(started.expiresAt),
    };
  }

  @Post(':run/result')
  @HttpCode(200)
  @Allow('responder', 'admin')
  async finish(@Param('run') run: string, @Body() body: unknown, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const { acknowledged_ms: acknowledged, ...figures } = parseInput(resultBody, body);
    if (!/^run[0-9a-z]{1,60}$/.test(run)) throw new NotFound('drill_unknown', 'there is no such drill');
    const entry = await this.drill.finish(run, { ...figures, acknowledged }, caller.name);
    caller.did('suspension.drilled', figures.suspension, entry);
    return { run, entry };
  }
}
