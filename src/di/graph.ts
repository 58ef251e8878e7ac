/** What can be known of the providers before anything is made: the mistakes, and in which order to build. */
import type { BootProblem } from '../errors.js';
import { notEmitted, notYetDefined, tokenName, type Recipe, type Token } from './provider.js';

export type FindRecipe = (token: Token) => Recipe | undefined;

/** Walks the whole graph. `order` has dependencies before what depends on them. */
export function inspectGraph(tokens: Iterable<Token>, find: FindRecipe): { problems: BootProblem[]; order: Recipe[] } {
  const problems: BootProblem[] = [];
  const order = new Set<Recipe>();
  const path: Recipe[] = [];

  const visit = (recipe: Recipe): void => {
    if (order.has(recipe)) return;
    const at = path.indexOf(recipe);
    if (at !== -1) {
      problems.push(cycle([...path.slice(at), recipe]));
      return;
    }
    path.push(recipe);
    for (const [index, token] of recipe.dependencies.entries()) {
      const dependency = find(token);
      if (dependency) visit(dependency);
      else problems.push(missing(recipe, index, token));
      const scoped = recipe.scope === 'singleton' && pathToScoped(token, find);
      if (scoped) problems.push(outlived(recipe, index, scoped));
    }
    path.pop();
    order.add(recipe);
  };
  for (const token of tokens) {
    const recipe = find(token);
    if (recipe) visit(recipe);
  }
  return { problems, order: [...order] };
}

/** The way from a token, through transients, to what lives with a connection; `undefined` if there is none. */
export function pathToScoped(token: Token, find: FindRecipe, seen = new Set<Token>()): Token[] | undefined {
  const recipe = find(token);
  if (recipe?.scope === 'connection') return [token];
  if (recipe?.scope !== 'transient' || seen.has(token)) return undefined;
  seen.add(token);
  for (const dependency of recipe.dependencies) {
    const rest = pathToScoped(dependency, find, seen);
    if (rest) return [token, ...rest];
  }
  return undefined;
}

/** Emitted for what is no class at run time, and for scalars: they name no provider. */
const nameless: ReadonlySet<unknown> = new Set([
  Object,
  Function,
  Array,
  Promise,
  String,
  Number,
  Boolean,
  Symbol,
  BigInt,
]);

function missing(recipe: Recipe, index: number, token: Token): BootProblem {
  const problem = {
    code: 'HALYARD_BOOT_PROVIDER',
    where: recipe.where,
    parameter: parameterOf(recipe, index),
  } as const;
  const name = tokenName(token);
  if (token === notEmitted) {
    return {
      ...problem,
      reason: 'the build emitted no type for it',
      fix: 'write `@Injectable()` on the class and build with `emitDecoratorMetadata`; esbuild and tsx emit no types: `@Inject(TOKEN)` names one',
    };
  }
  if (token === notYetDefined) {
    return {
      ...problem,
      reason: 'its type was undefined when it was read: a circular import, where two files import each other',
      fix: 'move what both files need into a third, or depend on a string or symbol: `@Inject(TOKEN)`',
    };
  }
  if (nameless.has(token)) {
    return {
      ...problem,
      reason: `its emitted type is ${name}, which names no provider: an interface, a union, a scalar, an \`import type\`, or a class that a circular import had not yet defined`,
      fix: 'write `@Inject(TOKEN)`, or import the class without `type`',
    };
  }
  const how = typeof token === 'function' ? name : `{ provide: ${name}, useValue: … }`;
  return { ...problem, reason: `nothing provides ${name}`, fix: `register it: \`providers: [${how}]\`` };
}

function cycle(circle: readonly Recipe[]): BootProblem {
  return {
    code: 'HALYARD_BOOT_CYCLE',
    where: circle[0]?.where ?? '',
    reason: circle.map(({ token }) => tokenName(token)).join(' → '),
    fix: 'move what they need of each other into a provider of its own, on which both depend',
  };
}

function outlived(recipe: Recipe, index: number, scoped: readonly Token[]): BootProblem {
  const way = [recipe.token, ...scoped].map(tokenName);
  return {
    code: 'HALYARD_BOOT_SCOPE',
    where: recipe.where,
    parameter: parameterOf(recipe, index),
    reason: `a singleton would keep ${way.at(-1)}, which lives with one connection or HTTP request: ${way.join(' → ')}`,
    fix: `give ${way[0]} \`scope: 'connection'\` too, or hand the value to its methods`,
  };
}

function parameterOf(recipe: Recipe, index: number): number | undefined {
  return recipe.kind === 'existing' ? undefined : index;
}
