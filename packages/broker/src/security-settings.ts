import { boolean, number, secret, text } from './setting-row.ts'

/** Settings that say who may connect, how, and what they may do: under Kafka's names where Kafka has them. */
export const securitySettings = {
  listeners: text(
    '',
    'Where clients connect: `NAME://HOST:PORT`, commas between several. The name is a protocol (PLAINTEXT, SSL, ' +
      'SASL_PLAINTEXT, SASL_SSL) or is mapped to one.',
  ),
  'advertised.listeners': text(
    '',
    'Under which address clients reach each listener, where it is another: `NAME://HOST:PORT`, commas between several.',
  ),
  'listener.security.protocol.map': text(
    '',
    'Which protocol a listener of another name speaks: `OUTSIDE:SASL_SSL,INSIDE:PLAINTEXT`.',
  ),
  'inter.broker.listener.name': text(
    '',
    'Must name a listener. Says no more here: there are no other brokers to talk to.',
  ),
  'allow.unauthenticated.listeners': boolean(
    false,
    'Listen where other machines can connect although nobody is asked who they are. Not in Kafka, which does so.',
  ),
  'max.connections.per.ip': number(2_147_483_647, 1, 2_147_483_647, 'Most connections from one address at a time.'),
  'connection.login.timeout.ms': number(
    10_000,
    100,
    600_000,
    'A connection that has not logged in by then is closed. Not in Kafka.',
  ),
  'sasl.server.max.receive.size': number(524_288, 1024, 0x7fff_ffff, 'Largest request before the login.'),
  'connection.failed.authentication.delay.ms': number(100, 0, 60_000, 'A failed login is answered so much later.'),
  'connections.max.reauth.ms': number(
    0,
    0,
    0x7fff_ffff,
    'A login holds for so long; the client has to log in again before. 0: as long as its connection.',
  ),
  'sasl.enabled.mechanisms': text(
    'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'How to log in on SASL listeners. Kafka: GSSAPI, which is not offered.',
  ),
  'sasl.oauthbearer.jwks.endpoint.url': text(
    '',
    'The keys that sign tokens, for OAUTHBEARER: a `file:` URL of a JSON Web Key Set, read again when it changes.',
  ),
  'sasl.oauthbearer.expected.issuer': text('', 'Tokens must be from this issuer (`iss`). Empty: from any.'),
  'sasl.oauthbearer.expected.audience': text(
    '',
    'Tokens must be for one of these (`aud`), commas between several. Empty: for anybody.',
  ),
  'sasl.oauthbearer.sub.claim.name': text('sub', 'The claim of a token that names the user.'),
  'sasl.oauthbearer.clock.skew.seconds': number(30, 0, 3600, 'How far the clock of the issuer may be off.'),
  'ssl.keystore.type': text('PEM', 'PEM, the only form that is read.'),
  'ssl.keystore.certificate.chain': text('', "The server's certificate and those above it, as PEM text."),
  'ssl.keystore.key': secret("The server's private key, as PEM text."),
  'ssl.keystore.location': text(
    '',
    'A PEM file with private key and certificates instead. Read again when it changes.',
  ),
  'ssl.key.password': secret('Opens the private key.'),
  'ssl.truststore.type': text('PEM', 'PEM, the only form that is read.'),
  'ssl.truststore.certificates': text('', "Authorities that sign clients' certificates, as PEM text."),
  'ssl.truststore.location': text('', 'A PEM file of them instead. Read again when it changes.'),
  'ssl.client.auth': text(
    'none',
    "Whether clients show certificates: none, requested or required. It is the client's login.",
  ),
  'ssl.reload.interval.ms': number(
    60_000,
    100,
    0x7fff_ffff,
    'How often PEM files are looked at for new contents. Not in Kafka, which is told to.',
  ),
  'authorizer.class.name': text(
    '',
    'Switches ACLs on: `acl`, or org.apache.kafka.metadata.authorizer.StandardAuthorizer. Empty: everybody may do all.',
  ),
  'super.users': text('', 'May do all, whatever the ACLs say: `User:admin;User:ops`.'),
  'allow.everyone.if.no.acl.found': boolean(false, "A resource without any ACL is everybody's."),
} as const

/** Of these a listener may have its own value, as `listener.name.<name>.<setting>`. */
export const listenerSettings = [
  'max.connections',
  'connections.max.reauth.ms',
  'sasl.enabled.mechanisms',
  'ssl.keystore.type',
  'ssl.keystore.certificate.chain',
  'ssl.keystore.key',
  'ssl.keystore.location',
  'ssl.key.password',
  'ssl.truststore.type',
  'ssl.truststore.certificates',
  'ssl.truststore.location',
  'ssl.client.auth',
] as const
