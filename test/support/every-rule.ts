/** Every decorator of class-validator that says something about a property, with values that it accepts. */
import * as v from 'class-validator';

/** The options that every decorator takes. */
export type Options = v.ValidationOptions;

export interface RuleSample {
  /** The export of class-validator. */
  readonly decorator: string;
  readonly apply: (options?: Options) => PropertyDecorator;
  readonly accepted: readonly unknown[];
}

enum Color {
  Red = 'red',
  Green = 'green',
}

enum Level {
  Low,
  High = 5,
}

/** For `@IsInstance`; nothing in JSON is one. */
export class Point {
  x = 0;
}

const epoch = '2020-01-01T00:00:00.000Z';
const dates = [epoch, new Date(epoch), new Date('2030-01-01'), new Date('1990-06-01')];

/** Decorators that take nothing but options. */
const plain: readonly (readonly [
  decorator: string,
  apply: (o?: Options) => PropertyDecorator,
  ...accepted: unknown[],
])[] = [
  ['IsDefined', v.IsDefined, 0, '', false, {}],
  ['IsLatLong', v.IsLatLong, '48.1,11.5', '-90,180'],
  ['IsLatitude', v.IsLatitude, 48.1, '-12.5', 90],
  ['IsLongitude', v.IsLongitude, 11.5, '-180', 179],
  ['IsEmpty', v.IsEmpty, '', null],
  ['IsNotEmpty', v.IsNotEmpty, 'a', 0, [], {}],
  ['IsPositive', v.IsPositive, 1, 0.5],
  ['IsNegative', v.IsNegative, -1, -0.5],
  ['IsAscii', v.IsAscii, 'plain', ''],
  ['IsCreditCard', v.IsCreditCard, '4111111111111111', '5555555555554444'],
  ['IsFullWidth', v.IsFullWidth, 'ひらがな', 'ｱ３ー０'],
  ['IsHalfWidth', v.IsHalfWidth, 'half', '!"#'],
  ['IsVariableWidth', v.IsVariableWidth, 'ひらa', 'カ1'],
  ['IsHexColor', v.IsHexColor, '#ff0033', 'CCC'],
  ['IsHexadecimal', v.IsHexadecimal, 'ff', '0xdeadBEEF'],
  ['IsPort', v.IsPort, '80', '65535'],
  ['IsISIN', v.IsISIN, 'US0378331005', 'AU0000XVGZA3'],
  ['IsJSON', v.IsJSON, '{}', '[1]'],
  ['IsJWT', v.IsJWT, 'eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl'],
  ['IsLowercase', v.IsLowercase, 'lower', 'ß1'],
  ['IsISO31661Alpha2', v.IsISO31661Alpha2, 'DE', 'fr'],
  ['IsISO31661Alpha3', v.IsISO31661Alpha3, 'DEU', 'fra'],
  ['IsISO31661Numeric', v.IsISO31661Numeric, '276', '004'],
  ['IsMongoId', v.IsMongoId, '507f1f77bcf86cd799439011'],
  ['IsMultibyte', v.IsMultibyte, 'ひ', 'aé'],
  ['IsSurrogatePair', v.IsSurrogatePair, '🐙', 'a𠮷b'],
  ['IsFirebasePushId', v.IsFirebasePushId, '-M-Jh_1KAH5zP3kmYnOq'],
  ['IsUppercase', v.IsUppercase, 'UPPER', 'Ä1'],
  ['IsMilitaryTime', v.IsMilitaryTime, '23:59', '00:00'],
  ['IsBooleanString', v.IsBooleanString, 'true', '0'],
  ['IsBase32', v.IsBase32, 'ZG5ra2RzaGI=', 'JBSWY3DPEA======'],
  ['IsBase58', v.IsBase58, 'BukQL', '3KMUV89zab'],
  ['IsBIC', v.IsBIC, 'DEUTDEFF', 'SBICKEN1345'],
  ['IsBtcAddress', v.IsBtcAddress, '1MUz4VMYui5qY1mxUiG8BQ1Luv6tqkvaiL'],
  ['IsDataURI', v.IsDataURI, 'data:text/plain,hello', 'data:,'],
  ['IsEAN', v.IsEAN, '9421023610112', '73513537'],
  ['IsEthereumAddress', v.IsEthereumAddress, '0x0000000000000000000000000000000000000001'],
  ['IsHSL', v.IsHSL, 'hsl(360,100%,50%)', 'hsla(1,2%,3%,0.5)'],
  ['IsISRC', v.IsISRC, 'USAT29900609', 'GBAYE6800011'],
  ['IsLocale', v.IsLocale, 'de_DE', 'en'],
  ['IsMagnetURI', v.IsMagnetURI, 'magnet:?xt=urn:btih:06E2A9683BF4DA92C73A661AC56F0ECC9C63C5B4&dn=a'],
  ['IsMimeType', v.IsMimeType, 'text/html', 'application/json'],
  ['IsOctal', v.IsOctal, '0o17', '076543210'],
  ['IsRFC3339', v.IsRFC3339, '2009-05-19T14:39:22Z', '2009-05-19 14:39:22.5+02:00'],
  ['IsSemVer', v.IsSemVer, '1.2.3', '1.0.0-rc.1+5'],
  ['IsTimeZone', v.IsTimeZone, 'Europe/Berlin', 'UTC'],
  ['IsISO4217CurrencyCode', v.IsISO4217CurrencyCode, 'EUR', 'usd'],
  ['IsISO6391', v.IsISO6391, 'de', 'en'],
  ['IsBoolean', v.IsBoolean, true, false],
  ['IsDate', v.IsDate, ...dates],
  ['IsInt', v.IsInt, 1, -7, 0],
  ['IsString', v.IsString, 'text', ''],
  ['IsArray', v.IsArray, [], [1, 'a']],
  ['IsObject', v.IsObject, {}, { a: 1 }],
  ['ArrayNotEmpty', v.ArrayNotEmpty, [0], ['a', 'b']],
];

/** Decorators whose options come behind something else: each way to call it that differs. */
const others: readonly (readonly [
  decorator: string,
  apply: (o?: Options) => PropertyDecorator,
  ...accepted: unknown[],
])[] = [
  ['Equals', (o) => v.Equals('fixed', o), 'fixed'],
  ['Equals', (o) => v.Equals(5, o), 5],
  ['NotEquals', (o) => v.NotEquals('fixed', o), 'other', null],
  ['IsIn', (o) => v.IsIn(['a', 'b', 3, null], o), 'a', 3, null],
  ['IsIn', (o) => v.IsIn([NaN, 'nan'], o), 'nan'],
  ['IsIn', (o) => v.IsIn([], o)],
  ['IsNotIn', (o) => v.IsNotIn(['a', 0], o), 'b', 1],
  ['IsDivisibleBy', (o) => v.IsDivisibleBy(3, o), 3, -9, 0],
  ['Max', (o) => v.Max(10, o), 10, -3],
  ['Max', (o) => v.Max(Infinity, o), 1e300],
  ['Min', (o) => v.Min(1, o), 1, 99.5],
  ['Min', (o) => v.Min(NaN, o)],
  ['MinDate', (o) => v.MinDate(new Date('2000-01-01'), o), ...dates],
  ['MinDate', (o) => v.MinDate(() => new Date('2000-01-01'), o), ...dates],
  ['MaxDate', (o) => v.MaxDate(new Date('2025-01-01'), o), ...dates],
  ['Contains', (o) => v.Contains('es', o), 'yes', 'es'],
  ['NotContains', (o) => v.NotContains('es', o), 'no'],
  ['IsAlpha', (o) => v.IsAlpha(undefined, o), 'abc'],
  ['IsAlpha', (o) => v.IsAlpha('de-DE', o), 'äbc'],
  ['IsAlphanumeric', (o) => v.IsAlphanumeric(undefined, o), 'abc1'],
  ['IsDecimal', (o) => v.IsDecimal(undefined, o), '1.5', '-0.1'],
  ['IsDecimal', (o) => v.IsDecimal({ decimal_digits: '2', locale: 'de-DE' }, o), '1,50'],
  ['IsBase64', (o) => v.IsBase64(undefined, o), 'YWJj'],
  ['IsBase64', (o) => v.IsBase64({ urlSafe: true }, o), 'YWJj_-8='],
  ['IsByteLength', (o) => v.IsByteLength(1, 4, o), 'ab', 'é'],
  ['IsByteLength', (o) => v.IsByteLength(2, undefined, o), 'é'],
  ['IsCurrency', (o) => v.IsCurrency(undefined, o), '$1,000.00', '-5'],
  ['IsCurrency', (o) => v.IsCurrency({ symbol: '€', require_symbol: true }, o), '€5'],
  ['IsEmail', (o) => v.IsEmail(undefined, o), 'ada@example.org'],
  ['IsEmail', (o) => v.IsEmail({ allow_display_name: true }, o), 'Ada <ada@example.org>'],
  ['IsFQDN', (o) => v.IsFQDN(undefined, o), 'example.org'],
  ['IsMACAddress', (o) => v.IsMACAddress(undefined, o), '01:02:03:04:05:ab'],
  ['IsMACAddress', (o) => v.IsMACAddress({ no_separators: true }, o), '0102030405ab'],
  ['IsIP', (o) => v.IsIP(undefined, o), '127.0.0.1', '::1'],
  ['IsIP', (o) => v.IsIP(6, o), '::1'],
  ['IsISBN', (o) => v.IsISBN(undefined, o), '9783836221191', '3836221195'],
  ['IsISBN', (o) => v.IsISBN(10, o), '3836221195'],
  ['IsISO8601', (o) => v.IsISO8601(undefined, o), epoch, '2020-02-30'],
  ['IsISO8601', (o) => v.IsISO8601({ strict: true }, o), epoch],
  ['IsDateString', (o) => v.IsDateString(undefined, o), epoch, '2020-01'],
  ['IsMobilePhone', (o) => v.IsMobilePhone('de-DE', undefined, o), '+4915123456789'],
  ['IsMobilePhone', (o) => v.IsMobilePhone(undefined, { strictMode: true }, o), '+4915123456789'],
  ['IsUrl', (o) => v.IsUrl(undefined, o), 'https://example.org/a?b', 'example.org'],
  ['IsUrl', (o) => v.IsUrl({ require_protocol: true, protocols: ['ftp'] }, o), 'ftp://example.org'],
  ['IsUUID', (o) => v.IsUUID(undefined, o), '550e8400-e29b-41d4-a716-446655440000'],
  ['IsUUID', (o) => v.IsUUID('4', o), '550e8400-e29b-41d4-a716-446655440000'],
  ['Length', (o) => v.Length(2, 5, o), 'abc', '🐙🐙', 'e\uFE0Fe'],
  ['Length', (o) => v.Length(3, undefined, o), 'abc', 'a very much longer text'],
  ['Length', (o) => v.Length(0, 1, o), '', '🐙'],
  ['MaxLength', (o) => v.MaxLength(3, o), 'abc', '🐙🐙🐙', '❤\uFE0F'],
  ['MaxLength', (o) => v.MaxLength(-1, o)],
  ['MinLength', (o) => v.MinLength(2, o), 'ab', '🐙🐙'],
  ['MinLength', (o) => v.MinLength(0, o), '', '\uFE0F'],
  ['Matches', (o) => v.Matches(/^[a-c]+$/, o), 'abc'],
  ['Matches', (o) => v.Matches(/b/g, o), 'abc', 'b'],
  ['Matches', (o) => v.Matches('^x', 'i', o), 'Xyz'],
  ['IsPhoneNumber', (o) => v.IsPhoneNumber(undefined, o), '+4930901820'],
  ['IsPhoneNumber', (o) => v.IsPhoneNumber('DE', o), '+4930901820', '030 901820'],
  ['IsHash', (o) => v.IsHash('md5', o), 'd41d8cd98f00b204e9800998ecf8427e'],
  ['IsISSN', (o) => v.IsISSN(undefined, o), '0378-5955'],
  ['IsISSN', (o) => v.IsISSN({ require_hyphen: true }, o), '0378-5955'],
  ['IsNumberString', (o) => v.IsNumberString(undefined, o), '12.5', '-3'],
  ['IsNumberString', (o) => v.IsNumberString({ no_symbols: true }, o), '12'],
  ['IsIBAN', (o) => v.IsIBAN(undefined, o), 'DE89370400440532013000'],
  ['IsIdentityCard', (o) => v.IsIdentityCard('ES', o), '99999999R'],
  ['IsPassportNumber', (o) => v.IsPassportNumber('DE', o), 'C01X00T47'],
  ['IsPostalCode', (o) => v.IsPostalCode('DE', o), '10115'],
  ['IsRgbColor', (o) => v.IsRgbColor(undefined, o), 'rgb(0,0,0)', 'rgba(1,2,3,0.5)'],
  ['IsRgbColor', (o) => v.IsRgbColor(false, o), 'rgb(0,0,0)'],
  ['IsStrongPassword', (o) => v.IsStrongPassword(undefined, o), 'Sup3r$ecret'],
  ['IsStrongPassword', (o) => v.IsStrongPassword({ minLength: 2, minNumbers: 0, minSymbols: 0 }, o), 'aBc'],
  ['IsTaxId', (o) => v.IsTaxId('de-DE', o), '92345678906'],
  ['IsNumber', (o) => v.IsNumber(undefined, o), 1.5, -3],
  ['IsNumber', (o) => v.IsNumber({ maxDecimalPlaces: 2, allowNaN: true }, o), 1.25, 7],
  ['IsEnum', (o) => v.IsEnum(Color, o), 'red', 'green'],
  ['IsEnum', (o) => v.IsEnum(Level, o), 0, 5, 'Low'],
  ['ArrayContains', (o) => v.ArrayContains(['a', 1], o), ['a', 1], [1, 2, 'a']],
  ['ArrayNotContains', (o) => v.ArrayNotContains(['a', 1], o), [], ['b']],
  ['ArrayMinSize', (o) => v.ArrayMinSize(2, o), [1, 2], ['a', 'b', 'c']],
  ['ArrayMaxSize', (o) => v.ArrayMaxSize(2, o), [], [1, 2]],
  ['ArrayUnique', (o) => v.ArrayUnique(o), [], [1, 2, '1']],
  ['ArrayUnique', (o) => v.ArrayUnique((e: { id?: unknown }) => e.id, o), [{ id: 1 }, { id: 2 }]],
  ['IsNotEmptyObject', (o) => v.IsNotEmptyObject(undefined, o), { a: 1 }],
  ['IsNotEmptyObject', (o) => v.IsNotEmptyObject({ nullable: false }, o), { a: 1, b: null }],
  ['IsInstance', (o) => v.IsInstance(Point, o)],
  ['IsInstance', (o) => v.IsInstance(Date, o), new Date(epoch)],
];

export const ruleSamples: readonly RuleSample[] = [...plain, ...others].map(([decorator, apply, ...accepted]) => ({
  decorator,
  apply,
  accepted,
}));

/** What class-validator exports beside decorators of properties. */
const noPropertyDecorators: ReadonlySet<string> = new Set([
  'MetadataStorage',
  'ValidationError',
  'ValidationTypes',
  'Validator',
  'ValidatorConstraint',
]);

/** The decorators of properties that the installed class-validator has. */
export function decoratorsOfLibrary(): string[] {
  return Object.entries(v)
    .filter(([name, value]) => typeof value === 'function' && /^[A-Z]/.test(name) && !noPropertyDecorators.has(name))
    .map(([name]) => name);
}
