import { register } from 'node:module'
import { register as registerTypeScript } from 'tsx/esm/api'

/** Imported once in each thread that imports modules of the user: from there on TypeScript runs as it is. */
registerTypeScript()
register(new URL('./user-module-hooks.js', import.meta.url))
