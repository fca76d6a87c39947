//! Numbers, durations and dates as instruments write them.

use chrono::NaiveDate;
use chrono::NaiveDateTime;
use chrono::NaiveTime;

/// A number; `decimal_comma` if the file writes `1,5`. Thousands may be parted by the other sign.
pub(super) fn number(text: &str, decimal_comma: bool) -> Option<f64> {
    let text = text.trim().trim_matches('"').trim();
    if decimal_comma {
        return text.replace('.', "").replacen(',', ".", 1).parse().ok();
    }
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let is_grouped = text.contains(',')
        && text
            .split('.')
            .next()
            .is_some_and(|whole| whole.split(',').skip(1).all(|group| group.len() == 3));
    is_grouped.then(|| text.replace(',', "").parse().ok())?
}

/// A duration (s): a number, `h:m:s` with any number of hours, or that after days like `1d 21:19:06.92` or `1-02:03:04`.
pub(super) fn duration_s(text: &str, decimal_comma: bool) -> Option<f64> {
    let text = text.trim().trim_matches('"').trim();
    if !text.contains(':') {
        return number(text, decimal_comma);
    }
    let (days, clock) = match text.split_once(['d', '-', ' ']) {
        Some((days, clock)) if clock.contains(':') && !days.contains(':') => (
            days.trim().parse::<f64>().ok()?,
            clock.trim_start_matches(['d', ' ']).trim(),
        ),
        _ => (0.0, text),
    };
    let mut parts = clock.split(':');
    let (hours, minutes) = (parts.next()?, parts.next()?);
    let seconds = parts.next().unwrap_or("0");
    if parts.next().is_some() {
        return None;
    }
    let whole = |part: &str| part.trim().parse::<u32>().ok().map(f64::from);
    let seconds = seconds.replace(',', ".");
    let seconds = seconds.trim().parse::<f64>().ok().filter(|s| *s >= 0.0)?;
    Some(days * 86_400.0 + whole(hours)? * 3600.0 + whole(minutes)? * 60.0 + seconds)
}

/// Seconds since 1970 of a date with a time, or of a number that already counts them.
///
/// With slashes the month comes first where it can, as instruments write it; with dots the day does.
pub(super) fn unix_time_s(text: &str) -> Option<f64> {
    let text = text.trim().trim_matches('"').trim();
    if let Ok(value) = text.parse::<f64>() {
        // Later than 1980 in seconds; a number below is no clock.
        return (value > 3e8).then_some(value);
    }
    let (date, clock) = text.split_once([' ', 'T'])?;
    let date = date_of(date.trim())?;
    let clock = clock_of(clock.trim())?;
    let moment = NaiveDateTime::new(date, clock).and_utc();
    Some(moment.timestamp() as f64 + f64::from(moment.timestamp_subsec_micros()) * 1e-6)
}

fn date_of(text: &str) -> Option<NaiveDate> {
    const FORMATS: [&str; 8] = [
        "%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d-%b-%y", "%d.%m.%Y", "%m-%d-%Y",
        "%d-%m-%Y",
    ];
    FORMATS.iter().find_map(|format| {
        let date = NaiveDate::parse_from_str(text, format).ok()?;
        // Two digits of a year must not pass as the year 24.
        (date >= NaiveDate::from_ymd_opt(1980, 1, 1)?).then_some(date)
    })
}

fn clock_of(text: &str) -> Option<NaiveTime> {
    let formats = ["%H:%M:%S%.f", "%I:%M:%S%.f %p", "%H:%M", "%I:%M %p"];
    let text = text.replace(',', ".");
    formats
        .iter()
        .find_map(|format| NaiveTime::parse_from_str(&text, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_with_either_comma() {
        assert_eq!(number(" -1.5E-3 ", false), Some(-1.5e-3));
        assert_eq!(number("1,5", true), Some(1.5));
        assert_eq!(number("1.234,5", true), Some(1234.5));
        assert_eq!(number("\"1,234.5\"", false), Some(1234.5));
        assert_eq!(number("1,23,4", false), None);
        assert_eq!(number("N/A", false), None);
        assert_eq!(number("", false), None);
    }

    #[test]
    fn durations_may_be_longer_than_a_day() {
        let close = |text: &str, expected: f64| {
            let value = duration_s(text, false).unwrap();
            assert!((value - expected).abs() < 1e-9, "{text}: {value}");
        };
        close("  1d 21:19:06.92", 86_400.0 + 76_746.92);
        close("0d 00:00:01.0000", 1.0);
        close("1-02:03:04", 86_400.0 + 7384.0);
        close("27:00:00.500", 97_200.5);
        close("00:01", 60.0);
        close("12.5", 12.5);
        assert_eq!(duration_s("1:2:3:4", false), None);
        assert_eq!(duration_s("a:b:c", false), None);
    }

    #[test]
    fn dates_are_read_in_the_ways_of_instruments() {
        let moment = unix_time_s("2024-11-20 11:38:41.707").unwrap();
        assert!((moment - 1_732_102_721.707).abs() < 1e-3);
        for text in [
            "11/20/2024 11:38:41.707",
            "20/11/2024 11:38:41.707",
            "20.11.2024 11:38:41,707",
            "20-Nov-24 11:38:41.707 AM",
        ] {
            let other = unix_time_s(text).unwrap();
            assert!((other - moment).abs() < 1e-3, "{text}");
        }
        assert_eq!(unix_time_s("12:00:00"), None);
        assert_eq!(unix_time_s("5.0"), None);
    }
}
