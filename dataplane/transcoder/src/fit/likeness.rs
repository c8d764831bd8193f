//! How much of a picture is left in another, as points of VMAF. VMAF itself needs a library that the
//! image does not have; this is its main feature, visual information fidelity (Sheikh and Bovik,
//! 2006), at three scales over blocks of eight, and a line fitted to VMAF's own points.

/// Side of a block and steps between blocks, in pixels.
const BLOCK: usize = 8;
const STEP: usize = 4;
/// Variance of what the eye does not see.
const NOISE: f32 = 2.0;
/// Points of VMAF for all of the information at each scale, and where the line begins: least squares
/// over trials of real footage (docs/decisions/0009).
const WEIGHTS: [f64; 3] = [10.0, 20.0, 60.0];
const BASE: f64 = 5.0;

/// Brightness of a picture.
pub(super) struct Luma {
    width: usize,
    height: usize,
    samples: Vec<f32>,
}

impl Luma {
    /// From rows of bytes.
    pub(super) fn new(bytes: &[u8], stride: usize, (width, height): (usize, usize)) -> Self {
        let rows = bytes.chunks(stride.max(1)).take(height);
        let samples = rows.flat_map(|row| row.iter().take(width).map(|b| f32::from(*b)));
        Self {
            width,
            height,
            samples: samples.collect(),
        }
    }

    /// Half as wide and high.
    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut samples = Vec::with_capacity(width * height);
        for y in 0..height {
            let upper = &self.samples[2 * y * self.width..][..self.width];
            let lower = &self.samples[(2 * y + 1) * self.width..][..self.width];
            let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            samples.extend(pairs.map(|(a, b)| (a[0] + a[1] + b[0] + b[1]) / 4.0));
        }
        Self {
            width,
            height,
            samples,
        }
    }
}

/// Information that is left, and that there was, at each scale.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    shares: [f64; 3],
    pictures: u32,
}

impl Mean {
    /// Adds a picture.
    pub(super) fn add(&mut self, reference: &Luma, made: &Luma) {
        let mut scales = (reference.halved(), made.halved());
        self.shares[0] += share(reference, made);
        for sum in &mut self.shares[1..] {
            *sum += share(&scales.0, &scales.1);
            scales = (scales.0.halved(), scales.1.halved());
        }
        self.pictures += 1;
    }

    /// Points of VMAF, as reckoned.
    pub(super) fn points(&self) -> f64 {
        let count = f64::from(self.pictures.max(1));
        let weighted = self.shares.iter().zip(WEIGHTS);
        BASE + weighted
            .map(|(sum, weight)| sum / count * weight)
            .sum::<f64>()
    }
}

/// Sums over a block.
#[derive(Clone, Copy, Default)]
struct Sums {
    r: f32,
    m: f32,
    rr: f32,
    mm: f32,
    rm: f32,
}

/// Share of the reference's information that is left.
fn share(reference: &Luma, made: &Luma) -> f64 {
    let (mut left, mut all) = (0.0, 0.0);
    let last = |length: usize| length.saturating_sub(BLOCK - 1);
    for y in (0..last(reference.height)).step_by(STEP) {
        for x in (0..last(reference.width)).step_by(STEP) {
            let (of_block, there) = information(sums(reference, made, (x, y)));
            left += f64::from(of_block);
            all += f64::from(there);
        }
    }
    if all > 0.0 { left / all } else { 1.0 }
}

fn sums(reference: &Luma, made: &Luma, (x, y): (usize, usize)) -> Sums {
    let mut sums = Sums::default();
    for row in y..y + BLOCK {
        let at = row * reference.width + x;
        let (Some(a), Some(b)) = (
            reference.samples.get(at..at + BLOCK),
            made.samples.get(at..at + BLOCK),
        ) else {
            continue;
        };
        for (r, m) in a.iter().zip(b) {
            sums.r += r;
            sums.m += m;
            sums.rr += r * r;
            sums.mm += m * m;
            sums.rm += r * m;
        }
    }
    sums
}

/// Information of a block that is left and that there was, in bits.
fn information(sums: Sums) -> (f32, f32) {
    let count = (BLOCK * BLOCK) as f32;
    let (r, m) = (sums.r / count, sums.m / count);
    let there = (sums.rr / count - r * r).max(0.0);
    let made = (sums.mm / count - m * m).max(0.0);
    let both = sums.rm / count - r * m;
    let gain = match there > 1e-6 {
        true => (both / there).max(0.0),
        false => 0.0,
    };
    let lost = (made - gain * both).max(1e-6);
    let left = (1.0 + gain * gain * there / (lost + NOISE)).log2();
    (left, (1.0 + there / NOISE).log2())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(pixel: impl Fn(usize, usize) -> u8) -> Luma {
        let bytes: Vec<u8> = (0..96 * 64).map(|n| pixel(n % 96, n / 96)).collect();
        Luma::new(&bytes, 96, (96, 64))
    }

    fn points(made: &Luma) -> f64 {
        let reference = picture(|x, y| ((x * 37 + y * 91) % 251) as u8);
        let mut mean = Mean::default();
        mean.add(&reference, made);
        mean.points()
    }

    #[test]
    fn what_is_lost_costs_points() {
        let same = points(&picture(|x, y| ((x * 37 + y * 91) % 251) as u8));
        let coarse = points(&picture(|x, y| ((x * 37 + y * 91) % 251) as u8 & 0xe0));
        let grey = points(&picture(|_, _| 128));
        let all = BASE + WEIGHTS.iter().sum::<f64>();
        assert!((same - all).abs() < 0.5, "{same}");
        assert!(coarse < same - 1.0 && grey < BASE + 1.0, "{coarse} {grey}");
    }
}
