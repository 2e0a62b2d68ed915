import { ServerResponse } from 'node:http';

/** The database, with an eye on what is appended to the record: one flush may hold several things. */
export function watchedDatabase(database, fate) {
  return {
    query: (sql, parameters = []) =>
      fate.watch(sql.startsWith('call append_entries(') ? appended(parameters) : [], () => database.query(sql, parameters)),
    close: () => database.close(),
  };
}

/** What is in a flush, by its parameters (append-statement.ts). */
function appended(parameters) {
  const effects = JSON.parse(parameters[16] ?? '[]').map(({ kind }) => kind);
  const cached = /[^\x1f]/.test(parameters[15]) ? ['cached release'] : [];
  return [...effects, ...cached];
}

/** The way to the authorization server, as oidc-provider names its endpoints. */
export function watchedHttp(http, fate) {
  const names = { '/token': 'token request', '/token/revocation': 'revocation request' };
  return {
    exchange: (request) => fate.watch([names[new URL(request.url).pathname]], () => http.exchange(request)),
    close: () => http.close(),
  };
}

/** The way back to the agent: the reply that holds a token. */
export function watchReplies(fate) {
  const { end } = ServerResponse.prototype;
  ServerResponse.prototype.end = function (body, ...rest) {
    const watched = fate.watches('reply') && this.req.url === '/oauth2/token' && this.statusCode === 200;
    if (!watched) return end.call(this, body, ...rest);
    if (fate.comes('before')) fate.kill();
    if (fate.comes('during')) {
      this.write(body.slice(0, body.length / 2));
      return fate.killLater();
    }
    this.once('finish', () => fate.comes('after') && fate.kill());
    return end.call(this, body, ...rest);
  };
}
