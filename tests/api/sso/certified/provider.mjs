// oidc-provider, certified by the OpenID Foundation, with one client and its own development pages for signing in.
// Arguments: port, client id, client secret, redirect address, e-mail address of whoever signs in.
import Provider from 'oidc-provider';

const [port, clientId, clientSecret, redirectUri, email] = process.argv.slice(2);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri], grant_types: ['authorization_code'], response_types: ['code'] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  pkce: { required: () => true },
  cookies: { keys: ['only for a test'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email, email_verified: true, name: 'Ada Example' }),
  }),
});
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
