import { readFileSync } from 'node:fs'

/** PEM, as `test/golden/certificates` has it: its README says who is who. */
function pem(name: string): string {
  return readFileSync(new URL(`../../golden/certificates/${name}.pem`, import.meta.url), 'utf8')
}

export const authority = pem('authority')
export const server = { cert: pem('server'), key: pem('server.key') }
