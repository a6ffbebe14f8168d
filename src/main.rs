fn main() {
    println!("{}", tieout::VERSION);
}
