import { Controller, Get, Header, Param } from '@nestjs/common';
import { NotFound } from '../access/errors.js';
import { declared } from '../catalogue/look-up.js';
import { CredentialVersions } from '../credentials/sealed-credential.js';
import { FactsSource } from '../issuance/facts.js';

/**
 * The public keys of one upstream client, for its authorization server (RFC 7517). Never a union: a server that trusts the keys
 * of one client must not accept another's.
 */
@Controller('oauth2/clients')
export class ClientsController {
  constructor(
    private readonly facts: FactsSource,
    private readonly credentials: CredentialVersions,
  ) {}

  @Get(':id/jwks')
  @Header('cache-control', 'public, max-age=60')
  async keys(@Param('id') id: string): Promise<{ keys: Record<string, unknown>[] }> {
    const { catalogue } = await this.facts.current();
    if (declared(catalogue.clients, id) === null) throw new NotFound('client_unknown', 'there is no such client');
    const keys = await this.credentials.keysOf(id);
    return { keys: keys.map(({ kid, algorithm, publicKey }) => ({ ...publicKey, kid, alg: algorithm, use: 'sig' })) };
  }
}
