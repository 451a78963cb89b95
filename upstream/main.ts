// The demo MCP server: one program, three modes.
import { runProgram } from './program.ts'
import { startUpstream } from './server.ts'

await runProgram(startUpstream)
