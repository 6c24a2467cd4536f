import { MissingDependencyError } from '../errors';
import { requireTypeOrm } from './typeorm-version';

describe('the version of TypeORM', () => {
  it.each(['0.2.45', '0.3.27', '0.10.0', '1.0.0', '1.0.9'])('%s is refused, with the command that helps', (version) => {
    expect(() => requireTypeOrm(version)).toThrow(MissingDependencyError);
    expect(() => requireTypeOrm(version)).toThrow(`TypeORM ${version} is installed`);
    expect(() => requireTypeOrm(version)).toThrow('npm install typeorm@1');
  });

  it.each(['1.1.0', '1.1.1', '1.10.0', '2.0.0', '1.2.0-rc.1'])('%s is taken', (version) => {
    expect(() => requireTypeOrm(version)).not.toThrow();
  });

  it('is that of the installed one, which is taken', () => {
    expect(() => requireTypeOrm()).not.toThrow();
  });
});
