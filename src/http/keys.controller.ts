import { Body, Controller, Delete, Get, Header, Param, Post, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import type { Administrator } from '../access/administrator.js';
import { roles } from '../access/api-key.js';
import { FactsSource } from '../issuance/facts.js';
import { ManageKeys } from '../issuance/manage-keys.js';
import { timestamp } from '../oauth/clock.js';
import { AccessGuard, Allow, Caller } from './access.guard.js';
import { parseInput } from './problem.js';

const createBody = z.strictObject({
  name: z.string().min(1).max(200),
  roles: z.array(z.enum(roles)).min(1).max(roles.length),
  runtime: z.string().min(1).max(200).nullish(),
  resource: z.string().min(1).max(200).nullish(),
});

/** API keys: shown once, kept as hashes. */
@Controller('v1/keys')
@UseGuards(AccessGuard)
export class KeysController {
  constructor(
    private readonly manageKeys: ManageKeys,
    private readonly facts: FactsSource,
  ) {}

  @Post()
  @Header('cache-control', 'no-store')
  @Allow('admin')
  async create(@Body() body: unknown, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const { name, roles: wanted, runtime, resource } = parseInput(createBody, body);
    const wish = { name, roles: wanted, runtime: runtime ?? null, resource: resource ?? null };
    const { id, key, entry } = await this.manageKeys.create(wish, caller.name);
    caller.did('key.created', id, entry);
    return { id, name, roles: wanted, ...(runtime ? { runtime } : {}), ...(resource ? { resource } : {}), key: key.reveal() };
  }

  @Get()
  @Allow('auditor', 'admin')
  async list(): Promise<{ keys: Record<string, unknown>[] }> {
    const { keys } = await this.facts.latest();
    return {
      keys: keys.map((key) => ({
        id: key.id,
        name: key.name,
        roles: key.roles,
        ...(key.runtime === null ? {} : { runtime: key.runtime }),
        ...(key.resource === null ? {} : { resource: key.resource }),
        created_at: timestamp(key.createdAt),
      })),
    };
  }

  @Delete(':id')
  @Allow('admin')
  async revoke(@Param('id') id: string, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const { revokedAt, entry } = await this.manageKeys.revoke(id, caller.name);
    caller.did('key.revoked', id, entry);
    return { id, revoked_at: timestamp(revokedAt) };
  }
}
