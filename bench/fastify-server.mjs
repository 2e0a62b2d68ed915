// The scale of the benchmark: bare Fastify, which reads a form and answers with JSON of the size of a token response.
// Prints one line of JSON with its address when it is ready.
import Fastify from 'fastify';

const app = Fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
  done(null, new URLSearchParams(body));
});
app.post('/token', (request) => ({
  access_token: 'x'.repeat(500),
  token_type: 'Bearer',
  expires_in: 300,
  scope: request.body.get('scope'),
  attribution: 'ent0123456789abcdefghijklmnop',
}));
await app.listen({ host: '127.0.0.1', port: 0 });
console.log(JSON.stringify({ url: `http://127.0.0.1:${app.server.address().port}` }));

process.on('disconnect', () => process.exit(0));
