import type { ResolveHook } from 'node:module'

/**
 * Hooks of Node's module loader, in front of tsx's.
 *
 * TypeScript of the user is ES modules, whatever the nearest package.json says: it exports a topology.
 * What a topology needs and the user has not installed comes with the command, so a single file in an empty folder runs.
 */
export const resolve: ResolveHook = async (specifier, context, next) => {
  const resolved = await orOurs(specifier, next(specifier, context), () =>
    next(specifier, { ...context, parentURL: import.meta.url }),
  )
  return isUsersTypeScript(resolved.url) ? { ...resolved, format: 'module' } : resolved
}

async function orOurs<T>(specifier: string, theirs: T | Promise<T>, ours: () => T | Promise<T>): Promise<T> {
  try {
    return await theirs
  } catch (error) {
    if (!/^(?:rxjs|millrace|@millrace\/[^/]+)(?:\/|$)/.test(specifier)) throw error
    return await ours()
  }
}

function isUsersTypeScript(url: string): boolean {
  return /\.m?tsx?(?:\?|$)/.test(url) && !url.includes('/node_modules/')
}
