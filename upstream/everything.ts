// A second program with the same flags: the server that the conformance runner is run against.
import { everythingCatalogue } from './everything/catalogue.ts'
import { runProgram } from './program.ts'
import { startCatalogue } from './server.ts'

await runProgram((flags) => startCatalogue(everythingCatalogue, flags))
