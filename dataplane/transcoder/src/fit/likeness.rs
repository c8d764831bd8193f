//! How much of a picture is left in another, in points that differ as those of VMAF do. VMAF itself is
//! a library that the image does not have; this is the feature of it that says most, visual
//! information fidelity (Sheikh and Bovik, 2006), over blocks of eight at a quarter of the size.

/// Side of a block and steps between blocks, in pixels.
const BLOCK: usize = 8;
const STEP: usize = 4;
/// Variance of what the eye does not see.
const NOISE: f32 = 2.0;
/// Points for all of the information. Least squares over neighbouring rungs of real footage, also
/// blurred and with noise: differences of VMAF are met within 2.3 points (docs/decisions/0009).
const POINTS: f64 = 130.0;

/// Brightness of a picture at a quarter of its size.
pub(super) struct Luma {
    width: usize,
    height: usize,
    samples: Vec<f32>,
}

impl Luma {
    /// From rows of bytes.
    pub(super) fn quarter(bytes: &[u8], stride: usize, (width, height): (usize, usize)) -> Self {
        let (width, height) = (width / 4, height / 4);
        let mut samples = Vec::with_capacity(width * height);
        for rows in bytes.chunks(stride.max(1) * 4).take(height) {
            let mut sums = vec![0_u32; width];
            for row in rows.chunks(stride.max(1)) {
                for (sum, four) in sums.iter_mut().zip(row.chunks_exact(4)) {
                    *sum += four.iter().map(|b| u32::from(*b)).sum::<u32>();
                }
            }
            samples.extend(sums.into_iter().map(|sum| sum as f32 / 16.0));
        }
        samples.resize(width * height, 0.0);
        Self {
            width,
            height,
            samples,
        }
    }

    fn block(&self, (x, row): (usize, usize)) -> &[f32] {
        let at = row * self.width + x;
        self.samples.get(at..at + BLOCK).unwrap_or_default()
    }
}

/// Information that is left of many pictures, and that there was, in bits. Summed, not a mean of shares:
/// a picture that is all but black has next to no say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Likeness {
    left: f64,
    all: f64,
}

impl Likeness {
    /// Adds a picture.
    pub(super) fn add(&mut self, reference: &Luma, made: &Luma) {
        let last = |length: usize| length.saturating_sub(BLOCK - 1);
        for y in (0..last(reference.height)).step_by(STEP) {
            for x in (0..last(reference.width)).step_by(STEP) {
                let (left, all) = information(reference, made, (x, y));
                self.left += left;
                self.all += all;
            }
        }
    }

    /// Points; all of them where there is nothing to lose.
    pub(super) fn points(&self) -> f64 {
        match self.all > 0.0 {
            true => self.left / self.all * POINTS,
            false => POINTS,
        }
    }
}

/// Information of a block that is left and that there was, in bits.
fn information(reference: &Luma, made: &Luma, (x, y): (usize, usize)) -> (f64, f64) {
    let (mut r, mut m, mut rr, mut mm, mut rm) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for row in y..y + BLOCK {
        let pairs = reference.block((x, row)).iter().zip(made.block((x, row)));
        for (a, b) in pairs {
            (r, m) = (r + a, m + b);
            (rr, mm, rm) = (rr + a * a, mm + b * b, rm + a * b);
        }
    }
    let count = (BLOCK * BLOCK) as f32;
    let (r, m) = (r / count, m / count);
    let there = (rr / count - r * r).max(0.0);
    let shown = (mm / count - m * m).max(0.0);
    let both = rm / count - r * m;
    let gain = if there > 1e-3 {
        (both / there).max(0.0)
    } else {
        0.0
    };
    let lost = (shown - gain * both).max(0.0);
    let left = (1.0 + gain * gain * there / (lost + NOISE)).log2();
    let all = (1.0 + there / NOISE).log2();
    (f64::from(left.min(all)), f64::from(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(pixel: impl Fn(usize, usize) -> usize) -> Luma {
        let bytes: Vec<u8> = (0..256 * 160)
            .map(|n| (pixel(n % 256 / 4, n / 256 / 4) % 256) as u8)
            .collect();
        Luma::quarter(&bytes, 256, (250, 160))
    }

    fn points(made: &Luma) -> f64 {
        let mut likeness = Likeness::default();
        likeness.add(&picture(|x, y| x * 37 + y * 91), made);
        likeness.points()
    }

    #[test]
    fn what_is_lost_costs_points() {
        let same = points(&picture(|x, y| x * 37 + y * 91));
        let coarse = points(&picture(|x, y| (x * 37 + y * 91) & 0xc0));
        assert!((same - POINTS).abs() < 0.1, "{same}");
        assert!((10.0..POINTS - 10.0).contains(&coarse), "{coarse}");
        assert!(points(&picture(|_, _| 128)) < 0.1);
    }

    #[test]
    fn a_quarter_is_the_mean_of_sixteen() {
        let luma = Luma::quarter(&[0, 4, 8, 4, 9].repeat(9), 5, (5, 9));
        assert_eq!(
            (luma.width, luma.height, luma.samples),
            (1, 2, vec![4.0; 2])
        );
    }
}
