import type { Reporter, TestModule } from 'vitest/node'

const REASON_LENGTH = 400

/** Lists what failed, a line each, after everything else: the end of a long log is what is read, and kept. */
export class FailuresReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const error of module.errors()) print(module.relativeModuleId, error.message)
      for (const test of module.children.allTests('failed'))
        print(`${module.relativeModuleId} > ${test.fullName}`, test.result().errors?.[0]?.message ?? '')
    }
  }
}

const print = (where: string, reason: string) =>
  console.log(`FAILED ${where}: ${reason.replace(/\s+/g, ' ').slice(0, REASON_LENGTH)}`)
