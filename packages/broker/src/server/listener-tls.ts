import type { Buffer } from 'node:buffer'
import { configError, type Disk, MillraceError, type TlsOptions } from '@millrace/kernel'
import type { ListenerSettingName, Settings } from '../settings.ts'
import { settingOf } from './listener-plan.ts'

const clientAuths = ['none', 'requested', 'required'] as const
const certificates = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const privateKey = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[^-]+-----END (?:[A-Z]+ )?PRIVATE KEY-----/

/**
 * Certificate, key and authorities of a listener, read from its settings and the files they name.
 *
 * @throws CONFIG naming the setting, never the key
 */
export function listenerTls(settings: Settings, listener: string, disk: Disk): TlsOptions {
  const setting = <K extends ListenerSettingName>(name: K) => settingOf(settings, listener, name)
  for (const name of ['ssl.keystore.type', 'ssl.truststore.type'] as const) {
    if (setting(name).toUpperCase() === 'PEM') continue
    throw configError(name, 'is a form that is not read', setting(name), 'Convert it to PEM, with openssl pkcs12.')
  }
  const asked = setting('ssl.client.auth')
  const clientAuth = clientAuths.find((known) => known === asked)
  if (clientAuth === undefined) throw configError('ssl.client.auth', `is one of ${clientAuths.join(', ')}`, asked)
  const keystore = setting('ssl.keystore.location')
  const stored = keystore === '' ? '' : readText(disk, keystore, 'ssl.keystore.location')
  const cert = pemIn(stored || setting('ssl.keystore.certificate.chain'), certificates)
  const key = privateKey.exec(stored || setting('ssl.keystore.key'))?.[0]
  if (cert === undefined || key === undefined) {
    const fix =
      'Give ssl.keystore.location a PEM file with both, or ssl.keystore.certificate.chain and ssl.keystore.key.'
    const what = cert === undefined ? 'no certificate' : 'no private key'
    throw new MillraceError('CONFIG', `there is ${what}`, { place: `listener ${listener}`, fix })
  }
  const truststore = setting('ssl.truststore.location')
  const trusted =
    truststore === '' ? setting('ssl.truststore.certificates') : readText(disk, truststore, 'ssl.truststore.location')
  const ca = pemIn(trusted, certificates)
  if (clientAuth !== 'none' && ca === undefined) {
    const fix = "Give ssl.truststore.location a PEM file with the authorities that sign clients' certificates."
    throw configError('ssl.client.auth', 'needs somebody to trust', asked, fix)
  }
  const passphrase = setting('ssl.key.password')
  return { cert, key, ca, clientAuth, passphrase: passphrase === '' ? undefined : passphrase }
}

function readText(disk: Disk, path: string, setting: string): string {
  let bytes: Buffer | undefined
  try {
    bytes = disk.readWhole(path)
  } catch (error) {
    throw new MillraceError('CONFIG', 'cannot be read', { place: setting, value: path, cause: error })
  }
  if (bytes === undefined) throw configError(setting, 'names a file that is not there', path, 'Give its whole path.')
  return bytes.toString('utf8')
}

function pemIn(text: string, form: RegExp): string | undefined {
  const found = text.match(form)
  return found === null ? undefined : `${found.join('\n')}\n`
}
