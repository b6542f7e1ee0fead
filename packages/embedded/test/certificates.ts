import { readFileSync } from 'node:fs'

/** PEM, as `test/golden/certificates` has it: its README says who is who. */
function pem(name: string): string {
  return readFileSync(new URL(`../../../test/golden/certificates/${name}.pem`, import.meta.url), 'utf8')
}

function pair(name: string): { readonly cert: string; readonly key: string } {
  return { cert: pem(name), key: pem(`${name}.key`) }
}

export const authority = pem('authority')
export const server = pair('server')
export const renewed = pair('renewed')
export const alice = pair('alice')
export const stranger = pair('stranger')
