import { live } from './history.ts'
import { holdsOverSeeds } from './seeds-of-the-run.ts'

holdsOverSeeds('test/crash/test/law-6.crash.test.ts', 3000, live)
